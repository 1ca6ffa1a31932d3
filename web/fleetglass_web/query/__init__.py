"""A user's text to a value, or an error that says where it is wrong and what to write instead."""
