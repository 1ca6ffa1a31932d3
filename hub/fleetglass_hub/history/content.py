"""The one error of those who read what was kept: what stands there is not what was put there."""


class ContentError(ValueError):
    """Something in the database is not what was put there; the text says what."""
