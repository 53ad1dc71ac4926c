"""Files that the program reads back, how each is opened, and what becomes of damaged ones."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.sidecar import Provenance, read_provenance, write_sidecar
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.label_frames import LabelFrames
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings, TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train

SLOW, HANG = 5, 30  # seconds: too long; given up
ROOM = 2 << 30  # bytes that one opening may ask for
MOST = 400 << 20  # bytes that it may take
BAD = ("short", "crash", "hang", "memory", "ran")
RESULTS = ("refused", "whole", "said", "other", *BAD)

rng = np.random.default_rng(0)
LABELS = np.zeros((3, 32, 40), np.uint16)
LABELS[:, 4:14, 5:15], LABELS[1:, 18:28, 20:31] = 1, 2
PIXELS = (rng.integers(0, 60, LABELS.shape) + 900 * (LABELS > 0)).astype(np.uint16)
SETTINGS = TrainSettings(
    steps=4, batch=1, crop=32, threads=1, filters=(4, 8), border=False, device="cpu"
)


def movie() -> Stack:
    """Three small frames with two cells."""
    return Stack.from_array(PIXELS, axes="TYX", name="movie")


def network(**config: Any) -> UNet:
    """A network that learned nothing."""
    torch.manual_seed(0)
    return UNet(UNetConfig(**{"filters": (4, 8), "outputs": ("object",), **config})).eval()


@dataclass(frozen=True)
class Kept:
    """A kind of file: ``write`` makes one in a folder, ``read`` opens it and gives its content.

    ``checked`` files carry a checksum: another content must not be taken for theirs.
    """

    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    checked: bool = False


# --- models ---


def write_model(folder: Path) -> Path:
    return Model(network(), name="tiny", card={"diameter": 12.0}).save(folder / "a.safetensors")


def write_pth(folder: Path) -> Path:
    path = folder / "a.pth"
    torch.save(network(filters=(4, 8, 16)).state_dict(), path)
    return path


def read_model(path: Path) -> str:
    return Model.load(path).sha256


# --- checkpoints ---


def training(checkpoint: Path, **how: Any) -> Any:
    """The training that a checkpoint is of."""
    labels = Stack.from_array(LABELS, axes="TYX", name="labels")
    annotations = Annotations.from_labels(movie(), labels, range(len(LABELS)))
    return train(movie(), annotations, SETTINGS, checkpoint=checkpoint, **how)


_stopped: list[bytes] = []


def write_checkpoint(folder: Path) -> Path:
    path = folder / "a.checkpoint"
    if not _stopped:
        run = training(path, checkpoint_every=0)
        next(run), next(run)
        run.close()
        _stopped.append(path.read_bytes())
    path.write_bytes(_stopped[0])
    return path


def read_checkpoint(path: Path) -> str:
    run = training(path, resume=True)
    step = next(run)
    run.close()
    return f"{step.step} {step.loss:.4f}"


# --- session folders ---


def movie_file(folder: Path) -> Path:
    path = folder / "movie.tif"
    if not path.is_file():
        tifffile.imwrite(path, PIXELS, photometric="minisblack", metadata={"axes": "TYX"})
    return path


def session_of(folder: Path) -> Path:
    """A session that was worked in: state, journal and probabilities."""
    with Stack.open(movie_file(folder)) as stack:
        session = SessionFolder.for_movie(stack)
        if not session.journal_path.exists():
            live = LiveLabels(stack.shape, corrections=session.corrections())
            live[0, 3:9, 4:9] = live.new_id()
            live[2, 3:9, 4:9] = live.new_id()
            live.undo()
            live.confirm_frame(1)
            session.save(frame=1, models=("abc",), labels=LabelSettings(threshold=0.7))
        return session.path


def write_session(folder: Path) -> Path:
    return session_of(folder) / "session.json"


def read_session(path: Path) -> Any:
    with Stack.open(path.parent.with_suffix(".tif")) as stack:
        found = SessionFolder.for_movie(stack)
        with stack.select(**dict(found.state.selection)):
            pass
        return found.state.model_dump(exclude={"stamp", "content"})


def write_journal(folder: Path) -> Path:
    path = session_of(folder) / "corrections.journal"
    for thread in threading.enumerate():  # a cut of what the disk never had is no loss
        if thread.name == f"sync {path.name}":
            thread.join()
    return path


def read_journal(path: Path) -> Any:
    corrections = Corrections(PIXELS.shape, Journal(path))
    said = [corrections.edits(t) for t in range(len(PIXELS))]
    found = [None if m is None else (m.ids.tobytes(), m.flags.tobytes()) for m in said]
    result = (found, corrections.complete_frames, sorted(corrections.reserved))
    copied = corrections.copy()
    while copied.undo():
        pass
    while copied.redo():
        pass
    copied.new_id()
    return result


def write_probabilities(folder: Path) -> Path:
    path = folder / "probabilities-0.unetp"
    codes = np.random.default_rng(1).integers(0, 256, (3, 1, 32, 40)).astype(np.uint8)
    with Probabilities.create(path, codes.shape, {"outputs": ["object"], "model": "abc"}) as made:
        for t in range(2):
            made.write(t, codes[t])
    return path


def read_probabilities(path: Path) -> Any:
    with Probabilities.open(path) as found:
        frames = [found[t].tobytes() for t in range(min(len(found), 99))]
        return found.shape, found.key, found.outputs, found.computed.tolist(), frames


# --- recipes, sidecars ---


def write_recipe(folder: Path) -> Path:
    recipe = Recipe(model="tiny.safetensors", channel=0, labels=LabelSettings(threshold=0.6))
    return recipe.save(folder / "recipe.json")


def write_provenance(folder: Path) -> Path:
    labels = write_labels(folder)
    made_by = Provenance("tiny", "abc", {}, {"labels": LabelSettings()}, 3)
    return write_sidecar(labels, movie(), made_by, kind="labels")  # type: ignore[return-value]


def read_sidecar(path: Path) -> Any:
    found = read_provenance(path.with_suffix(""))
    for notice in found.notices:
        logging.getLogger(__name__).warning("%s", notice)  # where the campaign listens
    return found


# --- labels ---


def write_labels(folder: Path) -> Path:
    path = folder / "labels.tif"
    tifffile.imwrite(
        path, LABELS, photometric="minisblack", metadata={"axes": "TYX"}, compression="zlib"
    )
    return path


def write_label_folder(folder: Path) -> Path:
    place = folder / "masks"
    place.mkdir(exist_ok=True)
    for t, frame in enumerate(LABELS):
        tifffile.imwrite(place / f"mask{t:03d}.tif", frame)
    return place / "mask001.tif"


def read_labels(path: Path) -> Any:
    with Stack.open(path) as stack:
        found = LabelStack.of(stack, movie())
        labels = LabelFrames(found, movie())
        for notice in (*labels.notices, *found.doubts()):
            logging.getLogger("labels").warning(notice.line)
        Annotations.from_labels(movie(), found, labels.frame_indices)
        return [labels[t].tolist() for t in labels.frame_indices]


def read_label_folder(path: Path) -> Any:
    return read_labels(path.parent)


KEPT = {
    "model .safetensors": Kept(write_model, read_model, checked=True),
    "model .pth": Kept(write_pth, read_model, checked=True),
    "checkpoint": Kept(write_checkpoint, read_checkpoint, checked=True),
    "session.json": Kept(write_session, read_session),
    "journal": Kept(write_journal, read_journal, checked=True),
    "probabilities": Kept(write_probabilities, read_probabilities),
    "recipe": Kept(write_recipe, Recipe.load),
    "sidecar": Kept(write_provenance, read_sidecar),
    "label file": Kept(write_labels, read_labels),
    "label folder": Kept(write_label_folder, read_label_folder),
}


# --- what becomes of one ---


class _Hangs(BaseException):
    """Not an Exception, so that nothing on the way takes it for an error of a file."""


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def outcome(kept: Kept, path: Path, whole: Any, marker: Path | None = None) -> str:
    """Return one of RESULTS: what opening gives a user, who has a file of content ``whole``.

    *said* is another content with a word about it, *other* one without, which only files without
    a checksum may give; *short* is fewer frames without a word.
    """
    said, began = _Said(), time.perf_counter()
    logging.getLogger().addHandler(said)
    try:
        with _watched() as taken:
            result = _opened(kept, path, whole, said.lines)
        if taken() > MOST:
            result = "memory"
    finally:
        logging.getLogger().removeHandler(said)
    if marker is not None and marker.exists():
        return "ran"
    return "hang" if time.perf_counter() - began > SLOW else result


def _opened(kept: Kept, path: Path, whole: Any, said: list[str]) -> str:
    try:
        found = kept.read(path)
    except BadInput as error:
        line = str(error)
        return "refused" if "\n" not in line and len(line) < 700 else "crash"
    except _Hangs:
        return "hang"
    except MemoryError:
        return "memory"
    if found == whole:
        return "whole"
    if said:
        return "said"
    if isinstance(found, list) and len(found) < len(whole):
        return "short"
    return "crash" if kept.checked else "other"


@contextlib.contextmanager
def _watched() -> Iterator[Callable[[], int]]:
    """Bound the memory and time of what happens inside, on Linux; gives the bytes that it took."""
    if sys.platform != "linux":
        yield lambda: 0
        return
    import resource

    def give_up(*_: Any) -> None:
        raise _Hangs

    before, largest = _memory(), [0]
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    old = signal.signal(signal.SIGALRM, give_up)
    resource.setrlimit(resource.RLIMIT_AS, (before["VmSize"] + ROOM, hard))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    signal.alarm(HANG)
    try:
        yield lambda: largest[0]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        largest[0] = _memory()["VmHWM"] - before["VmRSS"]
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _memory() -> dict[str, int]:
    """Bytes by name."""
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.partition(":")[::2] for line in lines if line.endswith("kB"))
    return {name: 1024 * int(value.split()[0]) for name, value in pairs}
