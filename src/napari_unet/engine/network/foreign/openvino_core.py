"""The one core of OpenVINO in this process."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, cast


@cache
def core() -> Any:
    """Return the one core of this process; it is never let go.

    Each core's CPU plugin puts up a stack of its own for signals and, when it goes, the one from
    before: of several cores that may be freed memory, and then Ctrl-C is a segmentation fault.
    """
    keep_quiet()
    import openvino

    return openvino.Core()


def keep_quiet() -> None:
    """Keep OpenVINO and NNCF from sending usage data, for which they also start processes."""
    sys.modules.setdefault("openvino_telemetry", cast("Any", None))  # as if it were not installed
