"""Where the time of a run went, as whoever writes its results sees it: said at ``-v``."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)
OPENING, LABELLING, WRITING = "opening", "labels", "files"


class Spent:
    """Seconds by what they were spent on, counted from one call to the next."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def add(self, what: str) -> None:
        """Count the time since the last call for this."""
        now = time.perf_counter()
        self._seconds[what] = self._seconds.get(what, 0) + now - self._since
        self._since = now

    @property
    def seconds(self) -> dict[str, float]:
        """What was counted so far."""
        return {what: round(seconds, 3) for what, seconds in self._seconds.items()}

    def say(self) -> None:
        """Log all of it in one line, the most first."""
        longest = sorted(self._seconds.items(), key=lambda item: -item[1])
        parts = [f"{seconds:.1f} s {what}" for what, seconds in longest]
        logger.info("Time: %s", ", ".join(parts))
