"""Uvicorn's HTTP protocol with two habits more: the kernel's buffer is bounded, and a stream ends with its server.

An answer that never ends would hold a stopping server until its patience is over, and be cut then. Here the protocol
tells the application (`state["ending"]`), which ends its streams properly.
"""

from asyncio import Transport

from uvicorn.protocols.http.h11_impl import H11Protocol

from fleetglass_web.transports import kernelbuffer

# The key of the lifespan state that holds the call.
ENDING = "ending"


class StreamingHttpProtocol(H11Protocol):
    """One HTTP connection."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Bound the kernel's buffer."""
        super().connection_made(transport)
        kernelbuffer.bound(transport)

    def shutdown(self) -> None:
        """The server ends."""
        super().shutdown()
        ending = self.app_state.get(ENDING)
        if ending is not None:
            ending()
