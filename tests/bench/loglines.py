"""Lines like those of a busy web service, made up: about 120 bytes, each different, the same ones in every run."""

import random

_WORDS = (
    b"connection accepted from upstream cache refresh finished for tenant request completed retrying job after backoff "
    b"session token renewed configuration reloaded queue depth normal slow query logged index rebuilt"
).split()
_LEVELS = (b"INFO",) * 90 + (b"WARN",) * 8 + (b"ERROR",) * 2
POOL = 50_000


def pool(seed: int = 7) -> list[bytes]:
    """Ends of lines; `lines` puts a time and a number in front of them."""
    chance = random.Random(seed)
    return [
        b"web-%d app[%d]: %s [%08x] %s took %d ms status=%d bytes=%d\n"
        % (
            chance.randrange(8),
            chance.randrange(300, 32_000),
            chance.choice(_LEVELS),
            chance.getrandbits(32),
            b" ".join(chance.choices(_WORDS, k=4)),
            int(chance.expovariate(0.02)),
            chance.choice((200, 200, 200, 304, 404, 500)),
            chance.randrange(10, 90_000),
        )
        for _ in range(POOL)
    ]


def blocks(total_bytes: int, block_bytes: int = 256 << 10):
    """Whole lines in blocks of about this size."""
    ends = pool()
    number = made = 0
    while made < total_bytes:
        parts = []
        size = 0
        while size < block_bytes:
            second, rest = divmod(number, 10_000)
            line = b"2026-11-24T%02d:%02d:%02d.%04dZ %s" % (
                second // 3_600 % 24, second // 60 % 60, second % 60, rest, ends[number * 7_919 % POOL],
            )  # fmt: skip
            parts.append(line)
            size += len(line)
            number += 1
        made += size
        yield b"".join(parts)
