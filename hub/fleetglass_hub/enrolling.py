"""The lines that join agents: made, listed, taken back. The page and the commands both come here.

    fleetglass-agent run --join fg1.... --tail '/var/log/*.log'          starts an agent that is installed
    sudo sh deploy/install.sh --join fg1.... --tail '/var/log/*.log'     installs one as a service

In: labels, a time to live and globs that were checked (`query.enrolment`). Out: what `FleetView` says of enrolments.
Tokens are in what `enrol` gives and nowhere else, and no line of the log holds one.
"""

import logging
import shlex
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fleetglass_proto import join
from fleetglass_proto.endpoint import Endpoint
from fleetglass_web.view import Enrolment, Enrolments, EnrolmentStateError, NewEnrolment, TurnedAway

from fleetglass_hub.ingest.enroll import Door, DoorError, TokenRecord

log = logging.getLogger(__name__)


class Reach(NamedTuple):
    """Where agents are told to look for this hub, and what may keep them from finding it there."""

    endpoint: Endpoint
    note: str


def reach(public: Endpoint | None, heard: Endpoint, is_any: bool, own_name: Callable[[], str]) -> Reach:
    """What to tell agents.

    Args:
        public: as the operator said.
        heard: where the hub listens; `is_any`: on all of its addresses.
        own_name: what this machine believes to be called.
    """
    only_here = f"this hub hears this machine only; start it with --agents tcp://0.0.0.0:{heard.port} to hear others"
    if public is not None:
        return Reach(public, only_here if public.is_loopback else "")
    if not is_any:
        return Reach(heard, only_here if heard.is_loopback else "")
    name = own_name()
    found = Endpoint(f"[{name}]" if ":" in name else name, heard.port)
    return Reach(found, f"agents will look for {found}; if they know this hub by another name, start it with --public")


class Enrolling:
    """Makes lines, and knows what became of them.

    Args:
        server_key: the hub's public key; a line pins it.
        reach: where agents find this hub, asked each time.
        clock: the hub's clock, ms since 1970 UTC.
    """

    def __init__(self, door: Door, server_key: bytes, reach: Callable[[], Reach], clock: Callable[[], float]) -> None:
        self._door = door
        self._server_key = server_key
        self._reach = reach
        self._clock = clock

    def enrolments(self) -> Enrolments:
        """See `FleetView`."""
        where = self._reach()
        last = self._door.last_refused
        return Enrolments(
            [_shown(token) for token in self._door.tokens()],
            str(where.endpoint),
            where.note,
            self._door.refused,
            None if last is None else TurnedAway(*last),
        )

    def enrol(self, labels: Mapping[str, str], ttl_ms: int, tails: Sequence[str]) -> NewEnrolment:
        """See `FleetView`."""
        where = self._reach()
        try:
            token = self._door.give_token(labels, ttl_ms, self._clock())
        except DoorError as problem:
            raise EnrolmentStateError(str(problem)) from problem
        given = self._door.given(token)
        assert given is not None
        made = _shown(given)
        word = join.encode(join.Join(str(where.endpoint), self._server_key, token))
        words = " ".join((word, *(f"--tail {shlex.quote(glob)}" for glob in tails)))
        log.info("enrolment %s waits for one agent for %d s, labels %s", made.id, ttl_ms // 1_000, dict(labels))
        install = f"sudo sh deploy/install.sh --join {words}"
        return NewEnrolment(made, word, f"fleetglass-agent run --join {words}", install)

    def revoke(self, enrolment: str) -> None:
        """See `FleetView`."""
        try:
            self._door.revoke(enrolment, self._clock())
        except DoorError as problem:
            raise EnrolmentStateError(str(problem)) from problem
        log.info("enrolment %s is revoked", enrolment)


def _shown(token: TokenRecord) -> Enrolment:
    agent_id = None if token.agent_id is None else str(uuid.UUID(bytes=token.agent_id))
    return Enrolment(token.id, token.labels, token.created_ms, token.expires_ms, token.used_ms, agent_id)
