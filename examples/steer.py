#!/usr/bin/env python3
"""Starts a run, watches it and steers it, with nothing but Python and HTTP.

    BATON_URL=http://127.0.0.1:4747 BATON_TOKEN=… python3 examples/steer.py PROJECT_ID DEFINITION [WORDS…]

Answers approvals with yes; WORDS are told to the agents as soon as one works."""
import json, os, sys, urllib.request

URL = os.environ.get("BATON_URL", "http://127.0.0.1:4747")
HEADERS = {"content-type": "application/json"}
if token := os.environ.get("BATON_TOKEN"):
    HEADERS["authorization"] = f"Bearer {token}"


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(URL + path, data, HEADERS, method=method))


def events(run, after=0):
    for line in call("GET", f"/api/events?topics=run:{run}&after={after}"):
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


project, definition, words = sys.argv[1], sys.argv[2], " ".join(sys.argv[3:])
start = {"project_id": project, "definition": definition}
run = json.load(call("POST", "/api/workflow-executions", start))["data"]
print(f"run #{run['number']} {run['name']}")
for event in events(run["id"]):
    kind, data = event["type"], event["data"]
    if kind == "message:new":
        print(f"  {data['message']['message_type']}: {data['message']['content']}")
    elif kind == "workflow.step.session" and words:
        say = {"content": words, "action_type": "instruction"}
        call("POST", f"/api/workflows/{run['number']}/messages", say)
        words = ""
    elif kind == "workflow.run.waiting" and (data["waiting"] or {}).get("reason") == "approval":
        for step in json.load(call("GET", f"/api/workflow-executions/{run['id']}"))["data"]["steps"]:
            if (step.get("waiting") or {}).get("reason") == "approval":
                call("POST", f"/api/workflow-steps/{step['id']}/approve", {"message": "by script"})
    elif kind == "workflow.execution.status_changed" and data["status"] in ("completed", "failed", "cancelled"):
        sys.exit(print(data["status"]) or data["status"] != "completed")
