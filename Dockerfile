# napari-unet on the command line, without napari's window: for queues and servers.
#   docker build --tag napari-unet .                       # computes on CPUs
#   docker build --tag napari-unet:cuda --build-arg DEVICE=cuda .
#   docker run --rm --volume "$PWD":/data napari-unet segment /data/movie.tif --out /data/labels
# With --build-arg DEVICE=cuda run it with --gpus all; Apptainer takes the image, too (--nv).
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm

# cpu or cuda: which torch is taken. Both are the version that constraints.txt names.
ARG DEVICE=cpu
ARG CUDA=cu128
ARG EXTRAS=openvino,zarr,nifti,vendor,track,roi,parquet,networks,bioimageio,cluster

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src ./src
RUN case "${DEVICE}" in cpu) index=cpu ;; cuda) index="${CUDA}" ;; *) echo "DEVICE is cpu or cuda" >&2; exit 1 ;; esac \
    && torch="$(grep '^torch==' constraints.txt)" \
    && python -m pip install "${torch}" --index-url "https://download.pytorch.org/whl/${index}" \
    && python -m pip install --constraint constraints.txt ".[${EXTRAS}]" \
    && napari-unet --version

RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /data
ENTRYPOINT ["napari-unet"]
CMD ["--help"]
