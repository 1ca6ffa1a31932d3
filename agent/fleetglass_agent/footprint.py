"""Give back the memory that only the start needed.

Importing, compiling patterns and parsing settings touch some six megabytes of the interpreter's and the libraries' code
that the loop never runs again; they would stay in the resident set until the machine is short of memory, which is when
they hurt. The kernel is told that these pages are not needed: clean pages of files only, which it reads back from the
page cache should anybody want them. Figures: tests/bench/agent_cost.py.

A shell, for Linux with glibc; elsewhere nothing happens.
"""

import gc
import sys
from typing import Any

# mman.h, malloc.h
_MADV_DONTNEED = 4
_M_ARENA_MAX = -8
_PLATFORM: str = sys.platform


def prepare() -> None:
    """Call before the first thread: ZeroMQ's threads share one heap, each of their own would keep its free pages."""
    if libc := _libc():
        libc.mallopt(_M_ARENA_MAX, 1)


def release() -> None:
    """Call when everything is set up. What was loaded stays loaded: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    libc = _libc()
    if libc is None:
        return
    try:
        libc.malloc_trim(0)
        for start, size in _clean_file_pages():
            libc.madvise(start, size, _MADV_DONTNEED)
    except (OSError, ValueError, AttributeError):
        pass


def _libc() -> Any:  # Any: ctypes has no types for the functions of a library
    if _PLATFORM != "linux":
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):  # musl
        return None
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc


def _clean_file_pages() -> list[tuple[int, int]]:
    """Mappings of files that cannot be written and hold no private page: dropping them loses nothing.

    A read-only mapping with private pages was written by the dynamic linker before it was sealed (RELRO): it stays.
    """
    found: list[tuple[int, int]] = []
    begin = end = 0
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                first, _, last = words[0].partition("-")
                is_file = len(words) > 5 and words[5].startswith("/") and words[1] in ("r-xp", "r--p")
                begin, end = (int(first, 16), int(last, 16)) if is_file else (0, 0)
            elif words[0] == "Anonymous:" and words[1] == "0" and end:
                found.append((begin, end - begin))
    return found
