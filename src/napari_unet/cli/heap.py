"""The C library's heap, kept instead of given back after each layer of the network."""

from __future__ import annotations

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h of glibc


def keep_heap() -> bool:
    """Let glibc reuse large buffers; False where there is no glibc.

    What it gains is the row *torch fp32, command line* of docs/benchmarks.md.

    Activations of a frame are larger than 32 MB, which glibc maps afresh each time and the
    kernel fills with zeros page by page. The setting is for the whole process and keeps its
    peak memory, so only the command line calls this, at its start, and never a GUI.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl
        return False
    options = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_ARENA_MAX: 1}
    taken = [mallopt(option, value) == 1 for option, value in options.items()]
    done = all(taken)
    logger.debug("heap is %s", "kept" if done else "as it was")
    return done
