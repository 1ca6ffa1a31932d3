"""The connection to the hub: what waits, what was sent, what the hub keeps."""
