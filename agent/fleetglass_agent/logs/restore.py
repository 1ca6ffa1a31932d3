"""Find the files of an earlier run again: by device, inode and content, under whatever name they have now.

    at the path           the same file, or another one (rotated while the agent was away)
    among its siblings    renamed by the rotation: read to its end, before the new one
    as a copy             copytruncate: the copy has what was not read
    compressed, deleted   its unread bytes are lost; a gap says which

In: a `SavedStream`. Out: its generations, put into a `Stream` in the order in which they are to be read.
"""

import zlib
from collections.abc import Iterator

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint

from fleetglass_agent.logs import names
from fleetglass_agent.logs.checkpoint import SavedFile, SavedStream
from fleetglass_agent.logs.follower import Generation, Look, Phase, Why
from fleetglass_agent.logs.lines import LineCutter
from fleetglass_agent.logs.seams import Hands, Unreadable
from fleetglass_agent.logs.stream import Stream


def restore(
    stream: Stream, saved: SavedStream, hands: Hands, elsewhere: dict[tuple[int, int], str], now_ms: int
) -> list[str]:
    """Fill `stream`; gives sentences for the operator about what was lost without a known size.

    Args:
        elsewhere: paths that match a glob now, by device and inode: a file may have been renamed to any of them.
    """
    said: list[str] = []
    at_path = _look(hands, stream.path)
    for file in saved.files:
        opened = None
        if file.end is None or file.committed < file.end:
            # An empty file is known by its inode alone. If others followed it, one at the path has that inode again.
            may_be_here = file.fp_count > 0 or file is saved.files[-1]
            opened = _find(stream.path, file, hands, elsewhere, may_be_here=may_be_here)
        if opened is not None:
            handle, look = opened
            generation = revived(file, handle, look, stream.max_line_bytes)
            is_here = at_path is not None and (at_path.dev, at_path.inode) == (look.dev, look.inode)
            if file.end is not None:
                generation.end_at(file.end, file.why)
            stream.take_over(generation, look, now_ms, at_path=is_here or at_path is None)
            continue
        look = Look(file.dev, file.inode, max(file.size, file.committed), 0, file.mtime_ns)
        generation = revived(file, None, look, stream.max_line_bytes)
        is_inode_reused = at_path is not None and (at_path.dev, at_path.inode) == (file.dev, file.inode)
        generation.end_at(look.size, Why.TRUNCATED if is_inode_reused else Why.GONE)
        stream.take_over(generation, look, now_ms, at_path=False)
        if stream.follow_copy(generation) is None:
            size = _size_when_compressed(stream.path, generation, hands)
            if size is not None:
                generation.end_at(max(size, look.size), Why.GONE)
            elif not is_inode_reused and file.end is None:
                said.append(
                    f"{names.shown(stream.path)}: a file that was followed is gone since the agent was away. "
                    f"What was written to it behind byte {look.size} is lost; how much that was is not known."
                )
    current = stream.follower.current
    if current is None:
        return said
    last = saved.files[-1]
    if current.handle is not None and not last.fp_count:
        # It was empty: whether something was written and copied away since, its first bytes cannot tell.
        stream.fill_between(current, current, last.mtime_ns, now_ms, until_ns=current.mtime_ns)
    if at_path is None:
        # It was rotated and nothing stands in its place yet: what came after it may have been, too.
        after_ns = last.mtime_ns if current.handle is None else max(last.mtime_ns, current.mtime_ns)
        stream.fill_between(current, None, after_ns, now_ms)
    return said


def _find(
    here: str, file: SavedFile, hands: Hands, elsewhere: dict[tuple[int, int], str], *, may_be_here: bool
) -> tuple[int, Look] | None:
    identity = file.dev, file.inode
    for path in _places(here, file, hands, elsewhere.get(identity), may_be_here=may_be_here):
        try:
            opened = hands.open(path)
        except Unreadable:
            continue
        if opened is None:
            continue
        handle, look = opened
        if (look.dev, look.inode) == identity and _is_same(hands, handle, look, file):
            return opened
        hands.close(handle)
    return None


def _places(here: str, file: SavedFile, hands: Hands, elsewhere: str | None, *, may_be_here: bool) -> Iterator[str]:
    if may_be_here:
        yield here
    for path, inode in hands.siblings(here):
        if inode == file.inode and path != here:
            yield path
    if elsewhere is not None and elsewhere != here:
        yield elsewhere


def _is_same(hands: Hands, handle: int, look: Look, file: SavedFile) -> bool:
    """The same content, not only the same inode: first bytes, and those before the position."""
    tail = bytes.fromhex(file.tail)
    if look.size < max(file.size, file.read, file.committed):
        return False
    if look.size == file.size == 0 and look.mtime_ns != file.mtime_ns:
        return False  # an empty file that nobody wrote to has kept its time; this one has its inode only
    if not Fingerprint(file.fp_count, bytes.fromhex(file.fp)).matches(hands.read(handle, file.fp_count, 0)):
        return False
    return hands.read(handle, len(tail), file.read - len(tail)) == tail


def _look(hands: Hands, path: str) -> Look | None:
    try:
        return hands.look(path)
    except Unreadable:
        return None


def _size_when_compressed(path: str, generation: Generation, hands: Hands) -> int | None:
    """How large the file was, if a gzip sibling holds it: its first bytes match, and its last four say the size."""
    for place, _ in hands.siblings(path):
        if not place.endswith(".gz"):
            continue
        try:
            opened = hands.open(place)
        except Unreadable:
            continue
        if opened is None:
            continue
        handle, look = opened
        try:
            head = zlib.decompressobj(31).decompress(hands.read(handle, 8_192, 0), limits.FINGERPRINT_BYTES)
            trailer = hands.read(handle, 4, look.size - 4)
        except zlib.error:
            continue
        finally:
            hands.close(handle)
        size = int.from_bytes(trailer, "little")  # modulo 4 GiB (RFC 1952, ISIZE)
        if generation.fp.count and generation.fp.matches(head) and size >= generation.committed:
            return size
    return None


def saved_file(generation: Generation) -> SavedFile:
    """The line of a checkpoint for one generation."""
    return SavedFile(
        generation.number,
        generation.dev,
        generation.inode,
        generation.fp.count,
        generation.fp.digest.hex(),
        generation.committed,
        generation.read,
        generation.tail.hex(),
        generation.size,
        generation.mtime_ns,
        generation.end if generation.phase is Phase.ENDED else None,
        generation.why,
        generation.unproven,
    )


def revived(file: SavedFile, handle: int | None, look: Look, max_line_bytes: int) -> Generation:
    """A generation as the checkpoint has it."""
    generation = Generation(file.file, look, handle, file.committed, LineCutter(max_line_bytes))
    generation.dev, generation.inode = file.dev, file.inode
    generation.size = max(look.size, file.size)
    generation.met_mtime_ns = file.mtime_ns
    generation.fp = Fingerprint(file.fp_count, bytes.fromhex(file.fp))
    generation.unproven = file.unproven
    # As the copy of a truncated file is recognised: by the bytes before the position.
    generation.read, generation.tail = file.read, bytes.fromhex(file.tail)
    return generation
