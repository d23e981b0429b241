// Stands before a server and answers with web/dist instead of the web app that is built into it: `WEB_DIST=1 npm run e2e`
// tests what `npm run build` has just made with any binary.
import { existsSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const isApi = (url) => /^\/(api|healthz|readyz|metrics|hooks)\b/.test(url);

export class Front {
  /** The port of the server behind; it may be another after the server was started again. */
  behind = 0;

  async listen() {
    this.server = createServer((incoming, answer) => (isApi(incoming.url) ? this.#pass(incoming, answer) : this.#file(incoming, answer)));
    this.server.on("upgrade", (incoming, client, head) => this.#upgrade(incoming, client, head));
    await new Promise((ready) => this.server.listen(0, "127.0.0.1", ready));
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
    return this;
  }

  #headers({ headers }) {
    const origin = `http://127.0.0.1:${this.behind}`;
    return { ...headers, host: `127.0.0.1:${this.behind}`, ...(headers.origin === this.origin ? { origin } : {}), ...(headers.referer ? { referer: headers.referer.replace(this.origin, origin) } : {}) };
  }

  #pass(incoming, answer) {
    const upstream = request({ host: "127.0.0.1", port: this.behind, path: incoming.url, method: incoming.method, headers: this.#headers(incoming) }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    upstream.on("error", () => answer.destroy());
    answer.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  }

  /** A file with the headers that the server itself sends with its page. */
  #file(incoming, answer) {
    const upstream = request({ host: "127.0.0.1", port: this.behind, path: "/", headers: { host: `127.0.0.1:${this.behind}` } }, (response) => {
      response.resume();
      const path = join(dist, normalize(new URL(incoming.url, "http://x").pathname));
      const file = extname(path) && existsSync(path) ? path : join(dist, "index.html");
      const headers = { ...response.headers };
      for (const name of ["content-length", "content-encoding", "transfer-encoding", "etag"]) delete headers[name];
      answer.writeHead(200, { ...headers, "content-type": types[extname(file)] ?? "application/octet-stream", "content-encoding": "gzip" });
      answer.end(gzipSync(readFileSync(file)));
    });
    upstream.on("error", () => answer.destroy());
    upstream.end();
  }

  #upgrade(incoming, client, head) {
    const upstream = connect(this.behind, "127.0.0.1", () => {
      const lines = Object.entries(this.#headers(incoming)).map(([name, value]) => `${name}: ${value}`);
      upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    for (const [one, other] of [[upstream, client], [client, upstream]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((closed) => this.server.close(closed));
  }
}
