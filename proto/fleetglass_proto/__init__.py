"""The messages between fleetglass agents and hub, their limits and codec. The text is PROTOCOL.md."""

__version__ = "0.1.0"
