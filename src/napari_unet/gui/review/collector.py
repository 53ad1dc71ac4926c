"""Keeps Python's garbage collector from going over all that napari holds, while much is computed.

A full round looks at every object of the program: with napari some 200,000, 0.1 s in which no
thread goes on, the window among them. A long search in a worker makes objects enough to bring one
about. What is there as it begins is set aside for its time, so that rounds see what is new alone.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_n = 0  # searches that are under way
_ours = False  # else somebody else has set objects aside, for good: they are to stay there


@contextmanager
def old_objects_set_aside() -> Iterator[None]:
    """Let garbage be looked for among new objects alone, until the last of those who asked ends.

    What becomes garbage of the old ones meanwhile is collected afterwards.
    """
    global _n, _ours
    with _lock:
        if not _n and not gc.get_freeze_count():
            _ours = True
            gc.freeze()
        _n += 1
    try:
        yield
    finally:
        with _lock:
            _n -= 1
            if not _n and _ours:
                _ours = False
                gc.unfreeze()
