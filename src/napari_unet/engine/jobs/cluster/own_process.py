"""What dask runs in a worker process that we start: Ctrl-C is for the client, which ends it."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the client."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
