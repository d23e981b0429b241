#!/usr/bin/env python3
"""Scripted mock of the OpenAI Responses API (POST /v1/responses, SSE). Loopback test tool.

  mock_openai.py --port 8802 --scenario scenario.json [--log requests.jsonl] [--var cwd=/workspace/project]
  $CODEX_HOME/config.toml:  model = "gpt-5.5"   model_provider = "mock"
     [model_providers.mock]  name = "mock"  base_url = "http://127.0.0.1:8802/v1"  wire_api = "responses"  env_key = "MOCK_KEY"

Scenario file: {"vars": {...}, "scripts": [{"match": REGEX, "loop": false, "turns": [TURN, ...]}, ...], "side": "text"}
The LAST user message matching a script's regex selects the script; the turn is the number of assistant messages
after that message, so the answer depends on the request alone (any number of clients may share one server).
The only state is the attempt counter behind error.times.
TURN (all optional): thinking, text (string or {"repeat": "Line {i}: {h}\\n", "bytes": n}), tools [{"name","input"}],
  usage {...}, delay_ms (before headers), chunk_delay_ms, chunk_chars, cut (drop the connection mid-stream),
  error {"status","type","message","headers","body","times"}   (times absent: always),
  failed {"code","message"} (HTTP 200, then a response.failed event), incomplete "max_output_tokens"
A tool with "input" as a string becomes a custom_tool_call (e.g. apply_patch); as an object, a function_call.
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


def content_text(c):
    if isinstance(c, str):
        return c
    return "\n".join(b.get("text", "") for b in c or [] if isinstance(b, dict))


def to_items(body):
    """One model answer (reasoning, text, calls) spans several input items: count it once."""
    out, inp = [], body.get("input", [])
    for it in [{"role": "user", "content": inp}] if isinstance(inp, str) else inp:
        kind = it.get("type", "message")
        if kind == "message" and it.get("role") != "assistant":
            if it.get("role") == "user":
                out.append(("user", content_text(it.get("content"))))
        elif kind == "additional_tools":
            continue
        elif kind.endswith("_output"):
            o = it.get("output")
            out.append(("tool", o if isinstance(o, str) else content_text(o)))
        elif not out or out[-1][0] != "assistant":
            out.append(("assistant", None))
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
        if "/models" in self.path:
            return self.json(200, {"object": "list", "data": [], "models": []})
        self.json(404, {"error": {"message": self.path, "type": "invalid_request_error", "code": "not_found"}})

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
        if not self.path.split("?")[0].endswith("/responses"):
            return self.json(404, {"error": {"message": self.path, "type": "invalid_request_error", "code": "not_found"}})
        sc = Handler.scenario
        inp = body.get("input")  # newer models get their tools as an "additional_tools" input item
        if body.get("tools") or isinstance(inp, list) and any(i.get("type") == "additional_tools" for i in inp):
            turn, key = sc.pick(to_items(body))
        else:
            turn, key = {"text": sc.doc.get("side", "mock side answer")}, ("side",)
        session = self.headers.get("session-id") or self.headers.get("session_id") or ""
        if turn.get("delay_ms"):
            time.sleep(turn["delay_ms"] / 1000)
        err = turn.get("error")
        if err and sc.fails(err, (session,) + key):
            doc = dict({"message": err.get("message", "mock error"), "type": err.get("type", "server_error"),
                        "code": err.get("code"), "param": None}, **err.get("body", {}))
            return self.json(err["status"], {"error": doc}, [(k, str(v)) for k, v in err.get("headers", {}).items()])
        self.answer(body, turn, hashlib.sha256(raw).hexdigest(), len(raw) // 4)

    def answer(self, body, turn, digest, in_tokens):
        items = []
        if turn.get("thinking"):
            items.append({"type": "reasoning", "id": "rs_" + digest[:20], "summary": [{"type": "summary_text", "text": turn["thinking"]}], "encrypted_content": "bW9jaw=="})
        if turn.get("text"):
            items.append({"type": "message", "id": "msg_" + digest[:20], "role": "assistant", "status": "completed",
                          "content": [{"type": "output_text", "text": turn["text"], "annotations": []}]})
        for i, t in enumerate(turn.get("tools", [])):
            call = {"id": "fc_%s%02d" % (digest[:16], i), "call_id": "call_%s%02d" % (digest[:16], i), "name": t["name"], "status": "completed"}
            if t.get("namespace"):
                call["namespace"] = t["namespace"]
            if isinstance(t["input"], str):
                items.append(dict(call, type="custom_tool_call", input=t["input"]))
            else:
                items.append(dict(call, type="function_call", arguments=json.dumps(t["input"])))
        out = max(1, len(json.dumps(items)) // 4)
        usage = {"input_tokens": in_tokens, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": out,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": in_tokens + out}
        usage.update(turn.get("usage", {}))
        resp = {"id": "resp_" + digest[:24], "object": "response", "created_at": int(time.time()), "model": body.get("model", "mock"), "status": "in_progress", "output": []}
        if not body.get("stream"):
            return self.json(200, dict(resp, status="completed", output=items, usage=usage))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("x-request-id", "req_mock")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        pause, size, seq = turn.get("chunk_delay_ms", 0) / 1000, turn.get("chunk_chars", 4096), [0]

        def ev(kind, **data):
            seq[0] += 1
            self.wfile.write(("event: %s\ndata: %s\n\n" % (kind, json.dumps(dict({"type": kind, "sequence_number": seq[0]}, **data)))).encode())
            self.wfile.flush()

        try:
            ev("response.created", response=resp)
            if turn.get("failed"):
                return ev("response.failed", response=dict(resp, status="failed", error=turn["failed"]))
            for i, it in enumerate(items):
                start, delta, whole, extra = dict(it, status="in_progress"), None, "", {}
                if it["type"] == "message":
                    start["content"], delta, whole, extra = [], "response.output_text.delta", it["content"][0]["text"], {"content_index": 0}
                elif it["type"] == "reasoning":
                    start["summary"], delta, whole, extra = [], "response.reasoning_summary_text.delta", turn["thinking"], {"summary_index": 0}
                elif it["type"] == "function_call":
                    start["arguments"], delta, whole = "", "response.function_call_arguments.delta", it["arguments"]
                else:
                    start["input"], delta, whole = "", "response.custom_tool_call_input.delta", it["input"]
                ev("response.output_item.added", output_index=i, item=start)
                if it["type"] == "reasoning":
                    ev("response.reasoning_summary_part.added", item_id=it["id"], output_index=i, summary_index=0, part={"type": "summary_text", "text": ""})
                for o in range(0, len(whole), size):
                    ev(delta, item_id=it["id"], output_index=i, delta=whole[o:o + size], **extra)
                    if pause:
                        time.sleep(pause)
                    if turn.get("cut"):
                        return
                ev("response.output_item.done", output_index=i, item=it)
            if turn.get("incomplete"):
                return ev("response.incomplete", response=dict(resp, status="incomplete", incomplete_details={"reason": turn["incomplete"]}, output=items, usage=usage))
            ev("response.completed", response=dict(resp, status="completed", output=items, usage=usage))
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
