"""Who may change the fleet: add a machine, take an offer back, forget a host.

| the hub | may change it |
| --- | --- |
| asks for a password | who has signed in |
| asks for none, on loopback | whoever opens it there by a loopback name, and not through a proxy |
| asks for none, beyond loopback | nobody: the commands on the hub's machine do it |

In all rows a page of another site may not: neither by its `Origin` (see `origin`) nor by what the browser says of it.

In: headers in lower case, and how the hub listens. Out: None, or the sentence of a 403.
"""

from collections.abc import Mapping

from fleetglass_web.auth.origin import LOOPBACK, split_host

# What a proxy adds: whoever is behind it is not on this machine, whatever the connection says.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def managing_problem(asks_for_login: bool, is_exposed: bool, headers: Mapping[str, str]) -> str | None:
    """Why this request may not change anything; None if it may. The login itself was checked before.

    Args:
        is_exposed: the hub listens beyond loopback.
    """
    site = headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        return "a page of another site may not change this fleet; do it on the hub's own page"
    if asks_for_login:
        return None
    if is_exposed:
        return (
            "this hub listens beyond its machine and asks for no password, so nobody may change the fleet from here; "
            "set one with 'fleetglass-hub passwd' and start it without '--auth none', or use 'fleetglass-hub enroll' "
            "and 'forget' on its machine"
        )
    named = split_host(headers.get("host", ""))
    if named is None or named[0] not in LOOPBACK or any(name in headers for name in _FORWARDED):
        return (
            "this hub asks for no password, so only its own machine may change the fleet, and this request comes "
            "through a proxy; start the hub with '--auth always', or use 'fleetglass-hub enroll' and 'forget' there"
        )
    return None
