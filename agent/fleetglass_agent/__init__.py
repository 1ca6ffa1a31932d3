"""The agent: reads iostat, the kernel's counters, logs and commands, and pushes them to a hub."""

__version__ = "0.1.0"
