"""The model of a run: brought to every worker once, to those, too, that come later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed import WorkerPlugin

from napari_unet.engine.jobs.cluster.worker import drop_model, take_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Worker


class ModelPlugin(WorkerPlugin):  # type: ignore[misc]  # of a package without types
    """Files of a model, or of several that are averaged, known by their sha256."""

    idempotent = True

    def __init__(self, sha256: str, files: Sequence[bytes]) -> None:
        self.name = f"napari-unet {sha256}"
        self._sha256, self._files = sha256, tuple(files)

    def setup(self, worker: Worker) -> None:
        """Keep the model there."""
        take_model(self._sha256, self._files)

    def teardown(self, worker: Worker) -> None:
        """Forget it."""
        drop_model(self._sha256)
