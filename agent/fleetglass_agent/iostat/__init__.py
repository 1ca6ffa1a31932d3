"""Text of any iostat -> reports, and the child process that prints it."""
