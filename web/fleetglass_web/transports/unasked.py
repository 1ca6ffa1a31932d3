"""What a sink answers whose client cannot be asked anything: HTTP has no ping, and an ASGI server keeps its own.

In: the questions of `Sink`. Out: no to each of them; `Subscriber` then judges by what is written alone.
"""


class Unasked:
    """The questions of a `Sink`, with no way to ask them."""

    def ping(self) -> bool:
        """See `Sink`. Streams have their heartbeats; the server of a WebSocket pings by itself."""
        return False

    def ask(self) -> bool:
        """See `Sink`. There is no way to."""
        return False

    def look(self) -> bool:
        """See `Sink`. Not known here."""
        return False

    def hold(self) -> bool:
        """See `Sink`."""
        return False
