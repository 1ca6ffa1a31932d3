"""Followed files and commands: a glob or a command in, ranges of bytes out, each once and in order. See `tailing`."""
