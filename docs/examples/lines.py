"""Lines of a fleet as JSON over a WebSocket, in ten lines: python docs/examples/lines.py '(?i)error'."""

import json
import sys

from websockets.sync.client import connect

with connect("ws://localhost:7480/api/v1/live", subprotocols=["fleetglass.v1.json"]) as hub:
    match = sys.argv[1] if len(sys.argv) > 1 else None
    hub.send(json.dumps({"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*", "match": match}, "tail": 10}))
    for message in map(json.loads, hub):
        for batch in message.get("batches", []):
            for offset, line in batch["lines"]:
                print(batch["path"], offset, line, flush=True)
