"""MessagePack, both ways, bounds first. The agent's codec; the hub's hot path reads the same bytes with `typed`.

`encode(message) -> bytes` and `decode(data) -> Up | Down`; decode raises only `ProtocolError`.
"""
