"""The present: hosts, their newest rows and lines, and who watches them."""
