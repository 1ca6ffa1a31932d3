"""Thin shells that carry live delivery over WebSocket, events, text and polling."""
