"""The hub: receives agents, aggregates per host, keeps history, and hands web a view of the fleet."""

__version__ = "0.1.0"
