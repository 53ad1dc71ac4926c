"""Names of what is exported, known before a writer is imported."""

from __future__ import annotations

import pytest

from napari_unet.engine.export.target.formats import labels_name


@pytest.mark.parametrize(
    ("movie", "format", "name"),
    [
        ("cells.ome.TIFF", "ctc", "cells_RES"),
        ("cells.lsm", "ctc", "cells_RES"),
        ("cells.nd2", "tiffs", "cells_labels"),
        ("cells.ome.zarr", "pngs", "cells_labels"),
        ("cells.zarr.zip", "pngs", "cells_labels"),
        ("01", "ctc", "01_RES"),
        ("well.B2", "ctc", "well.B2_RES"),
        (".tif", "ctc", ".tif_RES"),
        ("cells.lsm", "zarr", "cells.ome.zarr"),
        ("cells.lsm", "trackmate-xml", "tracks.xml"),
    ],
)
def test_folders_are_named_after_the_movie_and_files_after_what_they_hold(movie, format, name):
    assert labels_name(movie, format) == name
