"""The past: what is kept, found again and forgotten."""
