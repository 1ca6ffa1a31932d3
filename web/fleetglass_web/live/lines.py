"""A channel of lines: what arrives, of its hosts and paths, that its patterns let through, at once.

In: line batches of the view in arrival order. Out: `lines` frames, each with a cursor behind its last line; `gap`
frames; and, with a limit, `counts` and a `sampled` gap for each second in which lines were left out.
"""

from collections.abc import Callable, Sequence

from fleetglass_web.live import messages as m
from fleetglass_web.live.channel import Channel, WriteAll, write_all_plain
from fleetglass_web.live.messages import Frame
from fleetglass_web.live.sampler import Sampler
from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.live.subscription import LogsQuestion
from fleetglass_web.query import cursor
from fleetglass_web.query.cursor import Position
from fleetglass_web.query.glob import compile_glob
from fleetglass_web.query.pattern import compile_pattern
from fleetglass_web.view import CursorError, FleetView, Gap, LineBatch

# One step of catching up: it waits in the transport of a client that stops reading (512 KiB at most, design section 8).
CATCH_UP_BYTES = 128 << 10


def split_lines(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Each line without its end, with the offset of its first byte; what has no end is a line too."""
    found = []
    at = start
    for line in data.split(b"\n"):
        found.append((at, line[:-1] if line.endswith(b"\r") else line))
        at += len(line) + 1
    if (not found[-1][1] and data.endswith((b"\n", b"\r\n"))) or not data:
        found.pop()
    return found


def line_test(match: str | None, exclude: str | None) -> Callable[[bytes], bool] | None:
    """The test that both patterns mean together; None lets everything through."""
    wanted = compile_pattern(match).search if match else None
    unwanted = compile_pattern(exclude, "exclude").search if exclude else None
    if wanted and unwanted:
        return lambda line: wanted(line) and not unwanted(line)
    if unwanted:
        return lambda line: not unwanted(line)
    return wanted


class LinesChannel(Channel):
    """Lines for one `LogsQuestion`."""

    def __init__(
        self, number: int, question: LogsQuestion, view: FleetView, write_all: WriteAll = write_all_plain
    ) -> None:
        super().__init__(number, question, view, write_all)
        self.question = question
        self._path_matches = compile_glob(question.path)
        self._path = None if question.path == "*" else question.path
        self._lets_through = line_test(question.match, question.exclude)
        self._position = cursor.to_text(view.cursor())
        self._sampler = Sampler(question.max_lines_per_s) if question.max_lines_per_s else None

    # -- live ---------------------------------------------------------------------------------------------------

    def lines_arrived(self, batches: Sequence[LineBatch], now_ms: float, position: Callable[[], str]) -> None:
        """Send what is this channel's; `position` gives the cursor behind these batches."""
        own = self.own(batches)
        if self._sampler:
            self.tick(now_ms)
            own = self._sampled(own, now_ms)
        if own:
            after, self._position = self._position, position()
            self.send(Frame(m.Lines(self.number, self._position, own, after)))
        unfinished = self._unfinished(batches)
        if unfinished:
            # Nothing of it is in the arrival of lines: whoever resumes here gets the whole line.
            here = position()
            self.send(Frame(m.Lines(self.number, here, unfinished, here)))

    def _unfinished(self, batches: Sequence[LineBatch]) -> list[m.Batch]:
        """Last lines without an end, to show until the whole comes with the same offset.

        With a pattern the end may decide that the line is none of ours, and nothing would take it back: none is shown.
        """
        if self._lets_through:
            return []
        return [
            _batch(self.members[batch.host].name, batch, split_lines(batch.data, batch.start))
            for batch in batches
            if batch.partial and batch.host in self.members and self._path_matches(batch.path)
        ]

    def own(self, batches: Sequence[LineBatch]) -> list[m.Batch]:
        """The lines of this channel, split and matched."""
        found = []
        for batch in batches:
            member = self.members.get(batch.host)
            if member is None or batch.partial or not self._path_matches(batch.path):
                continue
            lines = split_lines(batch.data, batch.start)
            if self._lets_through:
                test = self._lets_through
                lines = [line for line in lines if test(line[1])]
            if lines:
                found.append(_batch(member.name, batch, lines))
        return found

    def gaps_found(self, gaps: Sequence[Gap], position: Callable[[], str]) -> None:
        """Tell what is missing from this channel's streams; `position` gives the cursor behind these gaps."""
        own = [gap for gap in gaps if gap.host in self.members and self._path_matches(gap.path)]
        if own:
            after, self._position = self._position, position()
            for gap in own:
                self.send(self._gap_frame(gap, after))

    def _gap_frame(self, gap: Gap, after: str = "") -> Frame:
        return Frame(m.GapMark(self.number, self.name_of(gap.host), gap, after=after))

    def _offer(self, subscriber: Subscriber, frame: Frame) -> None:
        if isinstance(frame.message, m.Hosts):
            super()._offer(subscriber, frame)
        else:
            subscriber.offer_lines(self, frame)

    # -- the limit ----------------------------------------------------------------------------------------------

    def _sampled(self, own: Sequence[m.Batch], now_ms: float) -> list[m.Batch]:
        assert self._sampler is not None
        found = []
        for batch in own:
            chosen = self._sampler.take([line for _offset, line in batch.lines], now_ms)
            lines = [line for line, is_chosen in zip(batch.lines, chosen, strict=True) if is_chosen]
            if lines:
                found.append(batch._replace(lines=lines))
        return found

    def next_tick_ms(self) -> float | None:
        """When to call `tick`; None: only lines bring something."""
        return self._sampler.next_tick_ms() if self._sampler else None

    def tick(self, now_ms: float) -> None:
        """Close the second that ended, if lines of it were left out."""
        second = self._sampler.ended(now_ms) if self._sampler else None
        if second:
            end_ms = second.start_ms + 1_000
            gap = Gap(-1, -1, "", second.start_ms, end_ms, second.left_out, None, "sampled")
            self.send(Frame(m.Counts(self.number, second.start_ms, second.counts, second.one_in)))
            self.send(Frame(m.GapMark(self.number, "", gap, second.one_in)))

    # -- the past -----------------------------------------------------------------------------------------------

    def tail(self, lines: int) -> list[Frame]:
        """The last `lines` lines that this channel lets through, from memory."""
        if lines <= 0:
            return []
        hosts = tuple(self.members)
        asked = lines
        own: list[m.Batch] = []
        # With a pattern most lines may be left out: look further back, up to what memory holds.
        while True:
            batches = self.view.tail(hosts, self._path, asked)
            own = self.own(batches)
            found = sum(len(batch.lines) for batch in own)
            if found >= lines or not self._lets_through or sum(batch.data.count(b"\n") for batch in batches) < asked:
                break
            asked *= 8
        return self._frames(_last(own, lines), cursor.to_text(self.view.cursor()))

    def still_there(self, after: str) -> Position | None:
        """The place behind a cursor, if memory holds all that follows it. A sample is never filled up again."""
        if not after or self._sampler:
            return None
        position = cursor.position(after)
        return position if self.view.holds(position.cursor, tuple(self.members), self._path) else None

    def lines_after(self, position: Position) -> tuple[Sequence[Frame], Position | None]:
        """Frames behind a position; the second value is where to go on, None at the present.

        An unknown cursor gives a gap of unknown size, never silence.
        """
        try:
            resumed = self.view.resume(
                position.cursor, tuple(self.members), self._path, CATCH_UP_BYTES, partly=position.batch
            )
        except CursorError:
            now_ms = self.view.now_ms()
            return [self._gap_frame(Gap(-1, -1, "", 0.0, now_ms, None, None, "retention"))], None
        frames = [self._gap_frame(gap) for gap in resumed.gaps]
        own = self.own(resumed.batches)
        if resumed.is_known and own and own[0].seq == position.batch:
            own = _without_first(own, position.lines)
        frames += self._frames(own, cursor.to_text(resumed.cursor), cursor.position_text(position))
        return frames, None if resumed.is_complete else Position(resumed.cursor)

    def _frames(self, own: Sequence[m.Batch], end: str, after: str = "") -> list[Frame]:
        """All of these batches in one frame: only behind the last of them a cursor is known."""
        return [Frame(m.Lines(self.number, end, own, after))] if own else []


def _without_first(own: Sequence[m.Batch], passed: int) -> list[m.Batch]:
    """Batches without the first lines of the first."""
    first = own[0]._replace(lines=own[0].lines[passed:], passed=passed)
    return [*([first] if first.lines else []), *own[1:]]


def _batch(name: str, batch: LineBatch, lines: list[tuple[int, bytes]]) -> m.Batch:
    return m.Batch(
        batch.host, name, batch.stream, batch.path, batch.time_ms, batch.raw_ms, lines, batch.partial, batch.seq
    )


def _last(own: Sequence[m.Batch], lines: int) -> list[m.Batch]:
    """The last lines of batches in arrival order."""
    found: list[m.Batch] = []
    for batch in reversed(own):
        if lines <= 0:
            break
        kept = batch.lines[-lines:]
        lines -= len(kept)
        found.append(batch._replace(lines=kept))
    return found[::-1]
