// Serves web/dist before a host's Unix socket, for working on the pages: `node dev/serve.mjs <host.sock> [port]`.
// `baton serve` does this for users.
import { createReadStream, existsSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [socketPath, port = "4747"] = process.argv.slice(2);
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const server = createServer((incoming, answer) => {
  if (incoming.url.startsWith("/api") || incoming.url === "/healthz") {
    const headers = { ...incoming.headers, host: "localhost" };
    delete headers.origin;
    const upstream = request({ socketPath, path: incoming.url, method: incoming.method, headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    upstream.on("error", () => answer.writeHead(502).end("{}"));
    incoming.pipe(upstream);
    return;
  }
  const path = join(dist, normalize(new URL(incoming.url, "http://x").pathname));
  const file = extname(path) && existsSync(path) ? path : join(dist, "index.html");
  answer.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
  createReadStream(file).pipe(answer);
});
server.on("upgrade", (incoming, client, head) => {
  const upstream = connect(socketPath, () => {
    const lines = Object.entries(incoming.headers).filter(([name]) => name !== "origin").map(([name, value]) => `${name}: ${value}`);
    upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on("error", () => client.destroy());
  client.on("error", () => upstream.destroy());
});
server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
