#!/bin/sh
# wheels.sh PYTHON VERSION FOLDER: what the engine needs beside torch, for Linux on x86-64 and
# Python VERSION (3.11 to 3.13), as benchmarks/gpu.sh takes it. PYTHON has pip and a network.
set -e
python=$1 version=$2 folder=$3
"$python" -m pip download --quiet --disable-pip-version-check --only-binary :all: \
    --python-version "$version" --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$folder" \
    imagecodecs imageio-ffmpeg numpy pillow platformdirs psygnal pydantic rich safetensors \
    scikit-image scipy tifffile typer hypothesis pytest pytest-timeout
echo "$(ls "$folder" | wc -l) wheels for Python $version in $folder"
