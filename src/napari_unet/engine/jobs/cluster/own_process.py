"""Worker processes that we start: how they begin, and what dask runs in each.

On Linux they are forked from one process that has imported what all of them need, and nothing but
that: it has one thread, and has begun no work. Each is there at once then, and not after two
seconds of a core.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from typing import Any

ENVIRON = {
    "OMP_NUM_THREADS": "1",  # a library that has threads cannot be forked
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # As the command line keeps its heap: distributed would give it back after each array.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
}
_IMPORTED = (
    "distributed.nanny",
    "napari_unet.engine.jobs.cluster.model_plugin",  # and with it all that a block needs
    "napari_unet.engine.network.foreign.openvino_core",
)
_begun = False


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the client."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def begin() -> None:
    """Start the process that workers will be forked from, where the system has such.

    Returns at once; it imports meanwhile. It ends with this process, which is why only the command
    line does this.
    """
    global _begun  # as there is one such process for each of ours
    if not sys.platform.startswith("linux") or _begun:
        return
    from multiprocessing import forkserver

    before = dict(os.environ)
    asked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as in `dask_setup`
    try:
        os.environ.update({k: v for k, v in ENVIRON.items() if k not in before})
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(_IMPORTED))
        forkserver.ensure_running()
        _begun = True
    except OSError:  # then each is started afresh
        return
    finally:
        for name in ENVIRON.keys() - before.keys():
            del os.environ[name]
        signal.pthread_sigmask(signal.SIG_SETMASK, asked)


def start_method() -> str:
    """Return how processes of ours are started, as ``multiprocessing`` calls it."""
    if not _begun:
        return "spawn"
    import distributed.utils

    # It would import pandas here, for a list of modules that comes too late.
    distributed.utils._forkserver_preload_set = True  # noqa: SLF001
    return "forkserver"
