"""What a peer did wrong: which field, where, which limit."""


class ProtocolError(ValueError):
    """A message that cannot be accepted.

    `field` names the place in the words of PROTOCOL.md (`frame.samples[3].values`), `problem` says what is wrong with
    it and which limit applies. The text is fit for a `reject` and for a log line.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
