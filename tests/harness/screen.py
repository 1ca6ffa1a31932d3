"""A screen: a client that follows all lines and, whenever it is cut off, comes back with its cursor."""

import threading
import time
from typing import Any

from harness.live import LiveClient
from harness.numbered import DIGITS
from websockets.exceptions import WebSocketException

RETRY_S = 0.05


class Screen:
    """Reads in a thread of its own until `close`. `numbers` and `gaps` are what it saw, in the order it came."""

    def __init__(self, url: str, hosts: str = "*") -> None:
        self.numbers: list[int] = []
        self.gaps: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.cursor: str | None = None
        self.connections = 0
        self.is_subscribed = threading.Event()
        self._url, self._hosts = url, hosts
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closing = True
        self._thread.join(10)

    def _run(self) -> None:
        while not self._is_closing:
            try:
                with LiveClient(self._url, "fleetglass.v1", open_timeout=2, close_timeout=0.2) as client:
                    self.connections += 1
                    self._follow(client)
            except (OSError, WebSocketException, AssertionError, TimeoutError):
                time.sleep(RETRY_S)

    def _follow(self, client: LiveClient) -> None:
        place = {"tail": 0} if self.cursor is None else {"resume": self.cursor}
        client.send(op="subscribe", id=1, hosts=self._hosts, logs={"path": "*"}, **place)
        while not self._is_closing:
            try:
                message = client.receive(0.2)
            except TimeoutError:
                continue
            match message["op"]:
                case "subscribed":
                    # A hub that dies before the first line must not cost the lines until the next subscription.
                    self.cursor = self.cursor or message["cursor"]
                    self.is_subscribed.set()
                case "lines":
                    self.numbers += [int(line[:DIGITS]) for batch in message["batches"] for _, line in batch["lines"]]
                    self.cursor = message["cursor"]
                case "gap":
                    self.gaps.append(message)
                case "error":
                    self.errors.append(message["message"])
                case _:
                    pass
