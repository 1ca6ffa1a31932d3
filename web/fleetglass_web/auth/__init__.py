"""Who may ask: hosts, origins, passwords, sessions, tokens."""
