#!/usr/bin/env python3
"""Scripted mock of the Gemini API (models/*:streamGenerateContent?alt=sse, :generateContent, :countTokens). Loopback test tool.

  mock_gemini.py --port 8803 --scenario scenario.json [--log requests.jsonl] [--var cwd=/workspace/project]
  GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8803 GEMINI_API_KEY=dummy gemini -p "[[edit]] go" -o stream-json

Scenario file: {"vars": {...}, "scripts": [{"match": REGEX, "loop": false, "turns": [TURN, ...]}, ...], "side": "text"}
The LAST user message matching a script's regex selects the script; the turn is the number of assistant messages
after that message, so the answer depends on the request alone (any number of clients may share one server).
The only state is the attempt counter behind error.times.
TURN (all optional): thinking, text (string or {"repeat": "Line {i}: {h}\\n", "bytes": n}), tools [{"name","input"}],
  usage {...}, delay_ms (before headers), chunk_delay_ms, chunk_chars, cut (drop the connection mid-stream),
  error {"status","type","message","headers","times"}   (times absent: always),
  finish "MAX_TOKENS" | "SAFETY" | ...
{{name}} in strings is replaced from vars, {{1}}.. from the regex groups, {{tool_result:N}} by the Nth (from 0)
tool result text after the matched message. Requests without tools (titles, summaries) get "side".
"""
import argparse, hashlib, json, re, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Scenario:
    def __init__(self, path, cli_vars):
        self.doc = json.load(open(path))
        self.vars = dict(self.doc.get("vars", {}), **cli_vars)
        self.counts, self.lock = {}, threading.Lock()

    def pick(self, items):
        """items: [("user", text) | ("assistant", None) | ("tool", text)] -> (turn, key)"""
        for i in range(len(items) - 1, -1, -1):
            if items[i][0] != "user":
                continue
            for si, s in enumerate(self.doc["scripts"]):
                m = re.search(s["match"], items[i][1])
                if m:
                    n = sum(1 for k, _ in items[i + 1:] if k == "assistant")
                    results = [t for k, t in items[i + 1:] if k == "tool"]
                    turns = s["turns"]
                    if n >= len(turns):
                        turn = turns[n % len(turns)] if s.get("loop") else {"text": "(script ended)"}
                    else:
                        turn = turns[n]
                    return self.fill(turn, m, results), (si, n)
        return {"text": self.doc.get("default", "(no script matched)")}, (-1, 0)

    def fill(self, v, m, results):
        if isinstance(v, dict):
            if set(v) == {"repeat", "bytes"}:
                n = v["bytes"] // len(v["repeat"]) + 1  # {i} counts, {h} is pseudo-random hex (loop detectors dislike repeats)
                return "".join(v["repeat"].replace("{i}", str(i)).replace("{h}", hashlib.md5(str(i).encode()).hexdigest())
                               for i in range(n))[: v["bytes"]]
            return {k: self.fill(x, m, results) for k, x in v.items()}
        if isinstance(v, list):
            return [self.fill(x, m, results) for x in v]
        if isinstance(v, str):
            def sub(g):
                k = g.group(1)
                if k.isdigit():
                    return m.group(int(k)) or ""
                if k.startswith("tool_result:"):
                    n = int(k.split(":")[1])
                    return results[n] if n < len(results) else ""
                return str(self.vars.get(k, g.group(0)))
            return re.sub(r"\{\{([\w:]+)\}\}", sub, v)
        return v

    def fails(self, err, key):
        """True while the scripted error should still be served to this client."""
        if "times" not in err:
            return True
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key] <= err["times"]


def to_items(body):
    out = []
    for c in body.get("contents", []):
        if c.get("role") == "model":
            if not out or out[-1][0] != "assistant":
                out.append(("assistant", None))
            continue
        for p in c.get("parts", []):
            if "functionResponse" in p:
                r = p["functionResponse"].get("response", {})
                out.append(("tool", r.get("output") or r.get("error") or json.dumps(r)))
            elif p.get("text"):
                out.append(("user", p["text"]))
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scenario = log = None

    def log_message(self, *a):
        pass

    def json(self, status, doc, headers=()):
        b = json.dumps(doc).encode()
        self.send_response(status)
        for k, v in [("content-type", "application/json"), ("content-length", str(len(b)))] + list(headers):
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(b)

    def do_GET(self):
        self.record(None)
        self.json(200, {"models": []})

    def record(self, body):
        if Handler.log:
            with Handler.scenario.lock:
                Handler.log.write(json.dumps({"t": time.time(), "method": self.command, "path": self.path,
                                              "headers": dict(self.headers), "body": body}) + "\n")
                Handler.log.flush()

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        self.record(body)
        m = re.search(r"models/([^:/]+):(\w+)", self.path)
        if not m:
            return self.json(404, {"error": {"code": 404, "message": self.path, "status": "NOT_FOUND"}})
        model, method = m.groups()
        if method == "countTokens":
            return self.json(200, {"totalTokens": len(raw) // 4})
        sc = Handler.scenario
        if body.get("tools"):
            turn, key = sc.pick(to_items(body))
        else:
            turn, key = {"text": sc.doc.get("side", "{}")}, ("side",)
        if turn.get("delay_ms"):
            time.sleep(turn["delay_ms"] / 1000)
        err = turn.get("error")
        if err and sc.fails(err, (body.get("contents", [{}])[0].get("parts", [{}])[0].get("text", "")[-200:],) + key):
            return self.json(err["status"], {"error": dict({"code": err["status"], "message": err.get("message", "mock error"), "status": err.get("type", "INTERNAL")},
                             **({"details": err["details"]} if "details" in err else {}))}, [(k, str(v)) for k, v in err.get("headers", {}).items()])
        self.answer(turn, model, method, hashlib.sha256(raw).hexdigest(), len(raw) // 4)

    def answer(self, turn, model, method, digest, in_tokens):
        size, pause = turn.get("chunk_chars", 4096), turn.get("chunk_delay_ms", 0) / 1000
        parts = []
        if turn.get("thinking"):
            parts.append({"text": turn["thinking"], "thought": True})
        text = turn.get("text") or ""
        parts += [{"text": text[o:o + size]} for o in range(0, len(text), size)]
        for i, t in enumerate(turn.get("tools", [])):
            parts.append({"functionCall": {"id": "fc_%s%02d" % (digest[:12], i), "name": t["name"], "args": t["input"]}, "thoughtSignature": "bW9jaw=="})
        out = max(1, len(json.dumps(parts)) // 4)
        usage = {"promptTokenCount": in_tokens, "candidatesTokenCount": out, "totalTokenCount": in_tokens + out}
        usage.update(turn.get("usage", {}))

        def chunk(ps, last):
            c = {"content": {"role": "model", "parts": ps}, "index": 0}
            if last:
                c["finishReason"] = turn.get("finish", "STOP")
            return dict({"candidates": [c], "modelVersion": model, "responseId": digest[:16]}, **({"usageMetadata": usage} if last else {}))

        if method != "streamGenerateContent":
            return self.json(200, chunk(parts, True))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for i, p in enumerate(parts):
                self.wfile.write(("data: " + json.dumps(chunk([p], i == len(parts) - 1)) + "\r\n\r\n").encode())
                self.wfile.flush()
                if pause:
                    time.sleep(pause)
                if turn.get("cut"):
                    return
        except (BrokenPipeError, ConnectionResetError):
            pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # agents hang up when they are stopped
            super().handle_error(request, address)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--port", type=int, default=0, help="0: any free one; the first line of output says which")
    ap.add_argument("--scenario", required=True)
    ap.add_argument("--log", help="append every request as one JSON line")
    ap.add_argument("--var", action="append", default=[], metavar="NAME=VALUE")
    a = ap.parse_args()
    Handler.scenario = Scenario(a.scenario, dict(v.split("=", 1) for v in a.var))
    Handler.log = open(a.log, "a") if a.log else None
    s = Server(("127.0.0.1", a.port), Handler)
    print("listening on http://127.0.0.1:%d" % s.server_address[1], flush=True)
    s.serve_forever()


if __name__ == "__main__":
    main()
