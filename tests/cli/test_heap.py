import subprocess
import sys

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_large_buffers_stay_in_the_heap():
    """In a process of its own: the setting is for good."""
    code = (
        "from napari_unet.cli.heap import keep_heap\n"
        "import numpy, resource\n"
        "assert keep_heap()\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    numpy.ones(60_000_000, numpy.uint8)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "assert faults() > 20 * faults()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
