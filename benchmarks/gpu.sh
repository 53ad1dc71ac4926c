#!/bin/sh
# What this program is worth on a GPU, in under eight minutes: PYTHON=python3 sh benchmarks/gpu.sh
#
# From the repository, nothing installed of it. PYTHON (3.11 to 3.13) has a CUDA build of torch
# >= 2.10. The engine's other dependencies come from the folder wheels/ where there is one (`make
# wheels PYTHON_VERSION=3.12` fills it on a machine with a network), else from the package index.
set -e
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${PYTHON:=python3}"
if [ -d wheels ]; then from="--no-index --find-links wheels"; else from=; fi
# shellcheck disable=SC2086
"$PYTHON" -m pip install --quiet --disable-pip-version-check --target "$work/site" $from \
    imagecodecs imageio-ffmpeg numpy pillow platformdirs psygnal pydantic rich safetensors \
    scikit-image scipy tifffile typer hypothesis pytest pytest-timeout
export PYTHONPATH="$PWD/src:$PWD/benchmarks:$work/site"
python=$PYTHON
"$python" - <<'END'
import torch
print(f"torch {torch.__version__}, CUDA {torch.version.cuda}", end=", ")
print(torch.cuda.get_device_name() if torch.cuda.is_available() else "NO GPU: nothing here is of one")
END
part() { echo; echo "== $1"; shift; timeout 150 "$@" || echo "failed or too slow: $*"; }
part "tests marked cuda" "$python" -m pytest -q -m cuda tests/engine/prediction/test_cuda.py \
    -c /dev/null --rootdir . --import-mode importlib -p no:cacheprovider -W ignore
part "CUDA ÷ eager, network only" "$python" benchmarks/bench_prediction.py --device cuda --quick
part "end to end ÷ network, pipeline" "$python" benchmarks/bench_pipeline.py --quick --only whole \
    --frames 102
part "training step ÷ eager" "$python" -c \
    "from bench_training import shares, step_ratios; print(step_ratios(3)); print(shares(40))"
part "memory of the device" "$python" - <<'END'
import torch
from _world import bench_frames, bench_model
from napari_unet.engine.prediction.predictor import open_predictor

frames, _ = bench_frames()
predictor = open_predictor(bench_model(None)[0])
predictor.prepare(list(frames[:3]))
n = predictor.frames_at_once(frames.shape[1:])
for _ in range(8):
    predictor.start([predictor.stage(frames[0])] * n)()
if torch.cuda.is_available():
    print(f"{torch.cuda.max_memory_reserved() / 1e9:.2f} GB at {n} frames of {frames.shape[1:]}")
print(predictor.device, predictor.notice or "")
END
