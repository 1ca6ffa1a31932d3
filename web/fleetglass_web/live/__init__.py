"""Live delivery without sockets and clocks: questions, channels, subscribers and the messages between them."""
