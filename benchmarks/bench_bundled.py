"""The bundled model as it comes, on images it did not learn from.

    python benchmarks/bench_bundled.py

Needs the DSB 2018 images in ../shared/data (or NAPARI_UNET_DATA): every sixth was kept aside. Those
it learned from say how well it fits what people drew, at best.
Large nuclei are those of them with nuclei above 40 px, enlarged to 62 px across and segmented as
``napari-unet segment --diameter 62`` does; *dimmed* ones have single nuclei dimmed at random, down
to that share. A field is an image in the corner of a frame FIELD times as wide and high of its own
ground, as where cells are few. The peer is bioimage.io's U-Net of nuclei (MIT), whose one output is
split as ours are; it was trained on DSB 2018, perhaps on these images too.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from skimage.transform import resize

from _page import DATA, DSB, ROOT, SCORE_HEAD, markdown, score_cells, write_between_markers
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.network.cell_size import recommended_for
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import pad_to_multiple
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import LabelSettings, PredictSettings

sys.path.insert(0, str(ROOT / "scripts"))
from train_bundled import KEPT_ASIDE, NAME, diameter, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_unet.engine.labels.scores import Scores

LARGE, ACROSS, FIELD = 40, 62, 8
PEER = DATA / "bioimageio_unet2d_nuclei_broad" / "weights.pt"
PEER_MULTIPLE, PEER_THRESHOLD, SPECK = 16, 0.5, 20
Pair = tuple[np.ndarray, np.ndarray]


def enlarged(image: np.ndarray, labels: np.ndarray) -> Pair:
    """Return an image (uint8) and its labels with nuclei of ACROSS px."""
    size = [round(edge * ACROSS / diameter(labels)) for edge in image.shape]
    how = {"output_shape": size, "preserve_range": True}
    return (
        resize(image, order=1, **how).astype(np.uint8),
        resize(labels, order=0, anti_aliasing=False, **how).astype(np.int32),
    )


def dimmed(
    image: np.ndarray, labels: np.ndarray, least: float, random: np.random.Generator
) -> Pair:
    """Dim each nucleus by itself, above the background, down to that share."""
    gains = np.exp(random.uniform(np.log(least), 0, labels.max() + 1))
    gains[0] = 1
    ground = np.percentile(image, 1)
    changed = (image - ground) * ndimage.gaussian_filter(gains[labels], 2) + ground
    return changed.clip(0, 255).astype(image.dtype), labels


def in_a_field(image: np.ndarray, labels: np.ndarray, random: np.random.Generator) -> Pair:
    """Put an image into the corner of a large frame of its ground, away from its cells."""
    ground = image[~ndimage.binary_dilation(labels > 0, iterations=6)]
    size = [edge * FIELD for edge in image.shape]
    frame, ids = random.choice(ground, size), np.zeros(size, labels.dtype)
    corner = tuple(map(slice, image.shape))
    frame[corner], ids[corner] = image, labels
    return frame, ids


def scores(model: Model, pairs: Iterable[Pair], across: float | None = None) -> Scores:
    """Segment images as the command line does, and pool their scores."""
    predict = PredictSettings(device="cpu", diameter=across)
    labels = recommended_for(model, predict)
    found = []
    for image, truth in pairs:
        predictor = open_predictor(model, predict)
        found.append(frame_scores(label_frame(predictor(image), labels), truth))
        predictor.close()
    return pool(found)


def peer_scores(pairs: Iterable[Pair]) -> Scores:
    """Segment images with the peer's network, normalised and cut as its description says."""
    network = torch.jit.load(PEER).eval()
    labels = LabelSettings(threshold=PEER_THRESHOLD, min_size=SPECK)
    found = []
    for image, truth in pairs:
        standard = (image - image.mean()) / (image.std() + 1e-6)
        frame = torch.from_numpy(np.squeeze(standard).astype(np.float32))[None, None]
        padded, crop = pad_to_multiple(frame, PEER_MULTIPLE)
        with torch.inference_mode():
            probability = network(padded)[0, :, *crop].numpy()
        found.append(frame_scores(label_frame(encode(probability), labels), truth))
    return pool(found)


def row(words: str, found: Scores) -> tuple[str, ...]:
    """Return a row of the table."""
    cells = (words, *score_cells(partial(getattr, found)))
    print(cells, flush=True)
    return cells


def main() -> None:
    """Score and write docs/benchmarks.md."""
    model = Model.load(NAME)
    aside, learned = [], []
    for n, pair in enumerate(read(DSB)):
        (learned if n % KEPT_ASIDE else aside).append(pair)
    large = [enlarged(*pair) for pair in aside if diameter(pair[1]) > LARGE]
    random = np.random.default_rng(0)
    dim, dimmer = ([dimmed(*pair, least, random) for pair in large] for least in (1 / 5, 1 / 12))
    fields = [in_a_field(*pair, random) for pair in aside if pair[0].shape == (256, 256)][::4]
    covered = 100 * np.mean([(ids > 0).mean() for _, ids in fields])
    rows = [
        row(words, scores(model, pairs, across))
        for words, pairs, across in (
            (f"{len(aside)} images kept aside", aside, None),
            (f"the {len(learned)} it learned from", learned, None),
            (f"{len(large)} of large nuclei, --diameter {ACROSS}", large, ACROSS),
            ("the same, single nuclei dimmed to a fifth", dim, ACROSS),
            ("the same, dimmed to a twelfth", dimmer, ACROSS),
            (f"{len(fields)} in fields, {covered:.1f} % covered", fields, None),
        )
    ]
    rows.append(row("a U-Net of bioimage.io, images kept aside", peer_scores(aside)))
    head = ("bundled model, untouched, DSB 2018", *SCORE_HEAD)
    write_between_markers("bench:bundled", markdown(head, rows))


if __name__ == "__main__":
    main()
