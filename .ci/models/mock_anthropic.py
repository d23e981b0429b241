#!/usr/bin/env python3
"""Scripted mock of the Anthropic Messages API (POST /v1/messages, SSE). Loopback test tool.

  mock_anthropic.py --port 8801 --scenario scenario.json [--log requests.jsonl] [--var cwd=/workspace/project]
  ANTHROPIC_BASE_URL=http://127.0.0.1:8801 ANTHROPIC_API_KEY=dummy claude -p "[[edit]] go" ...

Scenario file: {"vars": {...}, "scripts": [{"match": REGEX, "loop": false, "turns": [TURN, ...]}, ...], "side": "text"}
The LAST user message matching a script's regex selects the script; the turn is the number of assistant messages
after that message, so the answer depends on the request alone (any number of clients may share one server).
The only state is the attempt counter behind error.times.
TURN (all optional): thinking, text (string or {"repeat": "Line {i}: {h}\\n", "bytes": n}), tools [{"name","input"}], stop_reason,
  usage {...}, delay_ms (before headers), chunk_delay_ms, chunk_chars, cut (drop the connection mid-stream),
  error {"status","type","message","headers","times"}   (times absent: always)
{{name}} in strings is replaced from vars, {{1}}.. from the regex groups, {{tool_result:N}} by the Nth (from 0)
tool result text after the matched message. Requests without tools (titles, summaries) get "side".
"""
import argparse, hashlib, json, re, sys, threading, time, uuid
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


def blocks_text(c):
    if isinstance(c, str):
        return c
    return "\n".join(b.get("text", "") for b in c or [] if isinstance(b, dict))


def to_items(body):
    out = []
    for m in body.get("messages", []):
        if m["role"] == "assistant":
            out.append(("assistant", None))
            continue
        c = m["content"]
        for b in [{"type": "text", "text": c}] if isinstance(c, str) else c:
            if b["type"] == "text":
                out.append(("user", b["text"]))
            elif b["type"] == "tool_result":
                out.append(("tool", blocks_text(b.get("content"))))
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

    def do_HEAD(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()

    def do_GET(self):
        self.record(None)
        if self.path.startswith("/v1/models"):
            return self.json(200, {"data": [], "has_more": False})
        self.json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

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
        if self.path.startswith("/v1/messages/count_tokens"):
            return self.json(200, {"input_tokens": len(raw) // 4})
        if not self.path.startswith("/v1/messages"):
            return self.json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})
        sc = Handler.scenario
        if body.get("tools"):
            turn, key = sc.pick(to_items(body))
        else:
            turn, key = {"text": sc.doc.get("side", '{"title": "Mock session"}')}, ("side",)
        session = self.headers.get("x-claude-code-session-id", "")
        if turn.get("delay_ms"):
            time.sleep(turn["delay_ms"] / 1000)
        err = turn.get("error")
        if err and sc.fails(err, (session,) + key):
            return self.json(err["status"], {"type": "error", "error": {"type": err.get("type", "api_error"),
                             "message": err.get("message", "mock error")}, "request_id": "req_mock"},
                             [(k, str(v)) for k, v in err.get("headers", {}).items()])
        self.answer(body, turn, hashlib.sha256(raw).hexdigest(), len(raw) // 4)

    def answer(self, body, turn, digest, in_tokens):
        blocks = []
        if turn.get("thinking"):
            blocks.append({"type": "thinking", "thinking": turn["thinking"], "signature": "bW9jaw=="})
        if turn.get("text"):
            blocks.append({"type": "text", "text": turn["text"]})
        for i, t in enumerate(turn.get("tools", [])):
            blocks.append({"type": "tool_use", "id": "toolu_%s%02d" % (digest[:20], i), "name": t["name"], "input": t["input"]})
        stop = turn.get("stop_reason") or ("tool_use" if turn.get("tools") else "end_turn")
        usage = {"input_tokens": in_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                 "output_tokens": max(1, len(json.dumps(blocks)) // 4), "service_tier": "standard"}
        usage.update(turn.get("usage", {}))
        msg = {"id": "msg_" + digest[:24], "type": "message", "role": "assistant", "model": body.get("model", "mock"),
               "content": [], "stop_reason": None, "stop_sequence": None, "usage": dict(usage, output_tokens=1)}
        if not body.get("stream"):
            return self.json(200, dict(msg, content=blocks, stop_reason=stop, usage=usage))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("request-id", "req_mock")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        pause, size = turn.get("chunk_delay_ms", 0) / 1000, turn.get("chunk_chars", 4096)

        def ev(kind, **data):
            self.wfile.write(("event: %s\ndata: %s\n\n" % (kind, json.dumps(dict({"type": kind}, **data)))).encode())
            self.wfile.flush()

        try:
            ev("message_start", message=msg)
            ev("ping")
            for i, b in enumerate(blocks):
                if b["type"] == "tool_use":
                    start, field, dtype, whole = dict(b, input={}), "partial_json", "input_json_delta", json.dumps(b["input"])
                elif b["type"] == "thinking":
                    start, field, dtype, whole = dict(b, thinking="", signature=""), "thinking", "thinking_delta", b["thinking"]
                else:
                    start, field, dtype, whole = dict(b, text=""), "text", "text_delta", b["text"]
                ev("content_block_start", index=i, content_block=start)
                for o in range(0, len(whole), size):
                    ev("content_block_delta", index=i, delta={"type": dtype, field: whole[o:o + size]})
                    if pause:
                        time.sleep(pause)
                    if turn.get("cut"):
                        return
                if b["type"] == "thinking":
                    ev("content_block_delta", index=i, delta={"type": "signature_delta", "signature": b["signature"]})
                ev("content_block_stop", index=i)
            ev("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
            ev("message_stop")
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
