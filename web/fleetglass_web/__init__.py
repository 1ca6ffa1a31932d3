"""The web tier: HTTP and WebSocket over a fleet view, and the dashboard. It does not know where the fleet is."""

__version__ = "0.1.0"
