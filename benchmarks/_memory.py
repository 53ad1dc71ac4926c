"""Memory of one program, as Linux counts it.

``ru_maxrss`` also counts the moment between fork and exec, so that a child seems to need as much
as whoever started it; what the system says of the process itself does not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import psutil


def resident(process: psutil.Process | None = None) -> int:
    """Bytes in memory now."""
    return int((process or psutil.Process()).memory_info().rss)


def peak(process: psutil.Process | None = None) -> int:
    """Most bytes in memory so far; elsewhere than on Linux those of now."""
    process = process or psutil.Process()
    status = Path(f"/proc/{process.pid}/status")
    if not status.is_file():
        return resident(process)
    lines = [line.split() for line in status.read_text().splitlines()]
    return next((int(line[1]) * 2**10 for line in lines if line[0] == "VmHWM:"), 0)


class TreeMemory:
    """The most bytes that a process and all that it started held at once, looked at twice a second.

    Pages that they share are counted for each.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._process = psutil.Process(pid)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            try:
                started = self._process.children(recursive=True)
                held = resident(self._process)
            except psutil.NoSuchProcess:
                return
            for one in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += resident(one)
            self.peak = max(self.peak, held)
