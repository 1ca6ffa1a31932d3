"""Who gets compressed frames: permessage-deflate (RFC 7692), agreed so that one compression serves all readers.

Without context takeover no message needs another before it, in either direction: the hub keeps no window for a client,
and the same compressed bytes (`encode.DEFLATED`) go to all of them. A client that asks for a smaller window than
theirs reads plain frames. On loopback nothing is compressed, unless a proxy there speaks for somebody else.
"""

import ipaddress
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

from websockets.exceptions import NegotiationError
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.typing import ExtensionParameter

Compress = Literal["auto", "always", "never"]

# The key of the lifespan state that holds the setting.
COMPRESS = "compress"
_FORWARDED = ("X-Forwarded-For", "Forwarded")


class SharedDeflate(ServerPerMessageDeflateFactory):
    """Agrees only to what all readers of a channel can have in common."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """See the base.

        Raises:
            NegotiationError: this offer cannot be shared; the client's next offer, or none, counts.
        """
        answer, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < zlib.MAX_WBITS:
            raise NegotiationError("frames are compressed once for all, with a window of 32 KiB")
        return answer, extension


def pays(setting: Compress, address: str | None, headers: Mapping[str, str]) -> bool:
    """Whether to offer compression to the client at this address."""
    if setting != "auto":
        return setting == "always"
    if any(name in headers for name in _FORWARDED):
        return True
    try:
        peer = ipaddress.ip_address(address or "")
    except ValueError:  # a Unix socket: a neighbour on this machine
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return not (mapped or peer).is_loopback
