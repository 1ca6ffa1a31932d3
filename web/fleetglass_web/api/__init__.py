"""The routes that answer a question once."""
