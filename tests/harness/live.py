"""A client of `WS /api/v1/live`, as a script would write one."""

import json
import time
from contextlib import ExitStack
from typing import Any

import msgpack
from websockets.sync.client import connect


class LiveClient:
    """Speaks one of the two subprotocols; messages come as dicts."""

    def __init__(self, url: str, subprotocol: str = "fleetglass.v1.json", **options: Any) -> None:
        self._binary = subprotocol == "fleetglass.v1"
        self._ends = ExitStack()
        connection = connect(url, subprotocols=[subprotocol], max_size=None, **options)
        self._socket = self._ends.enter_context(connection)
        self.subprotocol = self._socket.subprotocol
        self.welcome = self.next("welcome")

    def send(self, **message: Any) -> None:
        self._socket.send(msgpack.packb(message) if self._binary else json.dumps(message))

    def receive(self, within_s: float = 10.0) -> dict[str, Any]:
        data = self._socket.recv(timeout=within_s)
        return msgpack.unpackb(data) if isinstance(data, bytes) else json.loads(data)

    def next(self, op: str, within_s: float = 10.0) -> dict[str, Any]:
        """The next message of this op; others are passed over."""
        deadline = time.monotonic() + within_s
        others: list[str] = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self.receive(left)
            except TimeoutError:
                break
            if message["op"] == op:
                return message
            others.append(str(message)[:200])
        raise AssertionError(f"no {op!r} within {within_s:g} s; came instead: {others[-5:]}")

    def next_line(self, text: str, within_s: float = 10.0) -> tuple[dict[str, Any], int]:
        """The batch and the offset of the next line that contains a text."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            for batch in self.next("lines", left)["batches"]:
                for offset, line in batch["lines"]:
                    if text in (line.decode("utf-8", "replace") if isinstance(line, bytes) else line):
                        return batch, offset
        raise AssertionError(f"no line with {text!r} within {within_s:g} s")

    def close(self) -> None:
        self._ends.close()

    def abandon(self) -> None:
        """Cut the connection without a word, as a killed browser does."""
        self._socket.socket.close()

    def __enter__(self) -> "LiveClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
