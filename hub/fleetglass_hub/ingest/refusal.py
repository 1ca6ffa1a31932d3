"""Why the hub does not go on with an agent: a code of the protocol and a sentence that a person can act on."""

from fleetglass_proto.messages import Reject


class Refusal(Exception):  # noqa: N818 - the word of the protocol
    """Ends a session, or keeps one from beginning.

    `code` is one of `messages.RejectCode`; `retry_ms` None: somebody must act first.
    """

    def __init__(self, code: str, message: str, retry_ms: int | None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_ms = retry_ms

    def reject(self) -> Reject:
        """The message to the agent."""
        return Reject(self.code, str(self)[:1_000], self.retry_ms)
