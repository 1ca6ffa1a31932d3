"""A network that can be cut or stalled: a TCP proxy in front of one port of loopback, in threads of the test."""

import contextlib
import socket
import threading

PIECE_BYTES = 64 << 10


class Proxy:
    """Listens on `port` and passes everything to `target`. Use it as a context."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = self._is_closing = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.passed_bytes = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing = True
        self._flows.set()
        self._listener.close()
        self._reset()

    def cut(self) -> None:
        """All connections are reset, and new ones at once, until `mend`."""
        self._is_cut = True
        self._reset()

    def stall(self) -> None:
        """Nothing passes any more, in either direction, and nobody is told, until `mend`."""
        self._flows.clear()

    def mend(self) -> None:
        """The network works again; what was stalled goes on."""
        self._is_cut = False
        self._flows.set()

    def _reset(self) -> None:
        ended, self._open = self._open, []
        for one in ended:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _accept(self) -> None:
        while not self._is_closing:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                here.close()
                continue
            try:
                there = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                here.close()
                continue
            self._open += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                self._flows.wait()
                sink.sendall(data)
                self.passed_bytes += len(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
