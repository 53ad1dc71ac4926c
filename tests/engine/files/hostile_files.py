"""Files made to do harm: that would run code, take all memory, never end, or lie about themselves.

Each makes a file of a kind in ``kept_files.KEPT``; none may be opened. What would run code writes
a marker file.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from safetensors.torch import save as to_safetensors

from napari_unet.engine.network import model as models
from napari_unet.engine.network.model import Model
from napari_unet.engine.training.checkpoint import save_checkpoint
from tests.engine.files import kept_files as kept

Make = Callable[[Path, Path], Path]
HOSTILE: dict[str, tuple[str, Make]] = {}
_HUGE = 100_000  # pixels along a side: 10 GB as bytes
_DEEP = 200_000  # brackets


def hostile(kind: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        HOSTILE[make.__name__.strip("_").replace("_", " ")] = (kind, make)
        return make

    return add


class Payload:
    """Unpickled, it writes the marker."""

    def __init__(self, marker: Path, how: str = "open") -> None:
        self.marker, self.how = marker, how

    def __reduce__(self) -> Any:
        if self.how == "system":
            return os.system, (f"echo ran > '{self.marker}'",)
        if self.how == "eval":
            return eval, (f"open({str(self.marker)!r}, 'w').close()",)
        return open, (str(self.marker), "w")


# --- pickles, as .pth and as checkpoints ---


def _pickled(kind: str, name: str, how: str, legacy: bool, inside: bool) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = folder / ("a.pth" if kind == "model .pth" else "a.checkpoint")
        evil: Any = Payload(marker, how)
        if inside:
            evil = {"format": "napari-unet checkpoint 1", "weight": torch.zeros(3), "x": evil}
        torch.save(evil, path, _use_new_zipfile_serialization=not legacy)
        return path

    HOSTILE[name] = (kind, make)


for _kind in ("model .pth", "checkpoint"):
    _pickled(_kind, f"{_kind} that runs a shell", "system", False, False)
    _pickled(_kind, f"{_kind} that evaluates, inside a dict", "eval", False, True)
    _pickled(_kind, f"{_kind} that opens a file, older format", "open", True, True)


@hostile("model .pth")
def bare_pickle(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    path.write_bytes(pickle.dumps(Payload(marker, "system")))
    return path


@hostile("model .safetensors")
def pickle_named_safetensors(folder: Path, marker: Path) -> Path:
    path = folder / "a.safetensors"
    torch.save(Payload(marker, "system"), path)
    return path


@hostile("model .pth")
def torchscript(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/constants.pkl", pickle.dumps(Payload(marker, "system")))
        archive.writestr("a/data.pkl", pickle.dumps(Payload(marker, "system")))
        archive.writestr("a/code/__torch__.py", f"open({str(marker)!r}, 'w')")
        archive.writestr("a/version", "3\n")
    return path


@hostile("model .pth")
def zip_that_climbs(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../" * 8 + str(marker).lstrip("/"), "ran")
        archive.writestr(str(marker), "ran")
        archive.writestr("a/data.pkl", pickle.dumps({}))
    return path


@hostile("model .pth")
def zip_bomb(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    whole = io.BytesIO()
    torch.save({"weight": torch.zeros(4)}, whole)
    with (
        zipfile.ZipFile(whole) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(
                entry.filename, bytes(500 << 20) if "data/0" in entry.filename else content
            )
    return path


@hostile("model .pth")
def zip_with_a_wrong_length(folder: Path, marker: Path) -> Path:
    path = kept.write_pth(folder)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 20 : at + 28] = struct.pack("<II", 0x7FFFFFFF, 0x7FFFFFFF)
    path.write_bytes(content)
    return path


@hostile("model .pth")
def one_value_for_a_huge_tensor(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    state = kept.network(filters=(4, 8, 16)).state_dict()
    state["down.0.0.weight"] = torch.zeros(1, dtype=torch.float16).expand(1 << 27, 1, 3, 3)
    torch.save(state, path)
    return path


@hostile("model .pth")
def nan_weights(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    state = kept.network(filters=(4, 8, 16)).state_dict()
    state["head.weight"] = torch.full_like(state["head.weight"], float("nan"))
    torch.save(state, path)
    return path


@hostile("model .pth")
def complex_weights(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    state = kept.network(filters=(4, 8, 16)).state_dict()
    torch.save({k: v.to(torch.complex64) for k, v in state.items()}, path)
    return path


@hostile("model .pth")
def a_list_that_holds_itself(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    inner: list[Any] = []
    inner.append(inner)
    for _ in range(60):
        inner = [inner, inner]
    torch.save({"state_dict": inner}, path)
    return path


@hostile("model .pth")
def link_to_itself(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    path.symlink_to(path)
    return path


@hostile("model .pth")
def link_to_zeros(folder: Path, marker: Path) -> Path:
    path = folder / "a.pth"
    path.symlink_to("/dev/zero")
    return path


# --- our own models, with a right checksum ---


def _model(name: str, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> None:
    def make(folder: Path, marker: Path) -> Path:
        model = Model(kept.network(), name="tiny", card={"diameter": 12.0})
        description, tensors = model.description, model._tensors()
        change(description, tensors)
        header = {
            "napari_unet": json.dumps(description),
            "sha256": models._digest(description, tensors),
        }
        path = folder / "a.safetensors"
        path.write_bytes(to_safetensors(tensors, metadata=header))
        return path

    HOSTILE[f"model with {name}"] = ("model .safetensors", make)


def _put(**tensors: torch.Tensor) -> Callable[[Any, Any], None]:
    return lambda _, found: found.update({k.replace("__", "/"): v for k, v in tensors.items()})


_model("NaN weights", lambda _, t: t["head.weight"].fill_(float("nan")))
_model("infinite weights", lambda _, t: t["down.0.0.weight"].fill_(float("inf")))
_model("complex weights", lambda _, t: t.update({"head.weight": t["head.weight"] + 0j}))
_model("whole numbers as weights", lambda _, t: t.update({"head.weight": t["head.weight"].int()}))
_model("weights of another shape", lambda _, t: t.update({"head.weight": torch.zeros(1, 99, 1, 1)}))
_model("weights left out", lambda _, t: t.pop("head.weight"))
_model("a network too large", lambda d, _: d["config"].update(filters=[4096] * 7, dims=3))
_model("a diameter that is text", lambda d, _: d["card"].update(diameter="12; rm"))
_model("an infinite diameter", lambda d, _: d["card"].update(diameter=float("inf")))
_model("a record that is a list", lambda d, _: d.update(record=[1, 2]))
_model("settings that are a list", lambda d, _: d["record"].update(settings=[1]))
_model("an unknown setting", lambda d, _: d["label_settings"].update(run="rm"))
_model("half a character in its name", lambda d, _: d.update(name="\ud800"))
_model(
    "a check of another shape",
    _put(data__check__frame=torch.zeros(9, 9, 9), data__check__labels=torch.zeros(4).int()),
)
_model(
    "a huge check",
    _put(
        data__check__frame=torch.zeros(1, 4000, 4000, dtype=torch.uint8),
        data__check__labels=torch.zeros(4000, 4000, dtype=torch.uint8),
    ),
)


@hostile("model .safetensors")
def header_longer_than_memory(folder: Path, marker: Path) -> Path:
    path = folder / "a.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    return path


@hostile("model .safetensors")
def tensors_beyond_the_file(folder: Path, marker: Path) -> Path:
    path = folder / "a.safetensors"
    header = {"w": {"dtype": "F32", "shape": [1 << 31], "data_offsets": [0, 1 << 33]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))
    return path


@hostile("model .safetensors")
def nested_description(folder: Path, marker: Path) -> Path:
    path = folder / "a.safetensors"
    header = {"napari_unet": "[" * _DEEP + "]" * _DEEP, "sha256": "0"}
    path.write_bytes(to_safetensors({"w": torch.zeros(2)}, metadata=header))
    return path


# --- checkpoints ---


def _checkpoint(name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = kept.write_checkpoint(folder)
        state = torch.load(path, weights_only=True)
        change(state)
        save_checkpoint(path, state)
        return path

    HOSTILE[f"checkpoint with {name}"] = ("checkpoint", make)


def _first_moment(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return next(iter(state["learner"]["optimizer"]["state"].values()))


_checkpoint("NaN weights", lambda s: s["learner"]["network"]["head.weight"].fill_(float("nan")))
_checkpoint("a list for weights", lambda s: s["learner"].update(mean=[1]))
_checkpoint("parts left out", lambda s: s.pop("learner"))
_checkpoint("moments of another shape", lambda s: _first_moment(s).update(exp_avg=torch.zeros(7)))
_checkpoint("huge crops", lambda s: s["plan"].update(crop=1 << 20, batch=1 << 20))
_checkpoint("a step that is text", lambda s: s.update(step="7"))
_checkpoint("a threshold that is NaN", lambda s: s.update(threshold=float("nan")))
_checkpoint("a history of words", lambda s: s.update(history=["a"]))
_checkpoint("frames that are none", lambda s: s.update(left_out=5))
_checkpoint("a hold-out that is none", lambda s: s.update(held_out={"frames": "x", "cut": [7, 9]}))
_checkpoint("a cut along no axis", lambda s: s.update(held_out={"frames": [0], "cut": [7, 9]}))
_checkpoint("a generator that is none", lambda s: s.update(generator=torch.zeros(3)))


# --- session folders ---


def _file(kind: str, name: str, text: str | bytes) -> None:
    """Put content in the place of a good file."""

    def make(folder: Path, marker: Path) -> Path:
        path = kept.KEPT[kind].write(folder)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    HOSTILE[f"{kind} {name}"] = (kind, make)


def _zeros(kind: str) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = kept.KEPT[kind].write(folder)
        os.truncate(path, 1 << 38)
        return path

    HOSTILE[f"{kind} of 256 GB of nothing"] = (kind, make)


def _pipe(kind: str) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = kept.KEPT[kind].write(folder)
        path.unlink()
        os.mkfifo(path)
        return path

    HOSTILE[f"{kind} that is a pipe"] = (kind, make)


_BOMB = "[" * _DEEP + "]" * _DEEP
for _kind in ("session.json", "recipe", "sidecar"):
    _file(_kind, "nested without end", _BOMB)
    _file(_kind, "nested objects without end", '{"a":' * _DEEP + "1" + "}" * _DEEP)
    _file(_kind, "with a number without end", '{"format": ' + "9" * 1_000_000 + "}")
    _file(_kind, "that is a list", "[1, 2]")
    _file(_kind, "of half characters", '{"format": "napari-unet recipe 1", "model": "\\ud800"}')
    _zeros(_kind)
    _pipe(_kind)
_file(
    "session.json", "with views that are text", '{"format": "napari-unet session 1", "views": "a"}'
)
_file("session.json", "of another format", '{"format": {"a": [1]}, "views": {}}')
_file(
    "session.json",
    "with NaN",
    '{"format": "napari-unet session 1", "views": {"": {"labels": {"threshold": NaN}}}}',
)
_file("recipe", "with a payload", '{"model": "a", "labels": {"__reduce__": "os.system"}}')
_file("recipe", "with NaN", '{"model": "a", "labels": {"threshold": NaN}}')


def _record(record: Any) -> bytes:
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


_HEAD = _record({"format": "napari-unet corrections 1", "shape": list(kept.PIXELS.shape)})


def _change(**wrong: Any) -> bytes:
    planes = base64.b85encode(zlib.compress(bytes(3 * 16))).decode()
    good = {"frame": 0, "box": [0, 4, 0, 4], "before": planes, "after": planes}
    return _record({"do": [{**good, "complete": [False, False], **wrong}]})


def _bomb() -> str:
    """Return 768 MB of zeros, packed: a part of them that is packed by itself, again and again."""
    packer, n, times = zlib.compressobj(9), 1 << 24, 48
    first, again = (packer.compress(bytes(n)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    checksum = struct.pack(">HH", n * times % 65521, 1)  # Adler-32 of zeros
    packed = first + again * (times - 1) + packer.flush()[:-4] + checksum
    return base64.b85encode(packed).decode()


_file("journal", "for another movie", _record({"format": "napari-unet corrections 1", "shape": 7}))
_file("journal", "that begins with nothing known", _change())
_file("journal", "outside the frame", _HEAD + _change(box=[30, 34, 0, 4]))
_file("journal", "with a box turned round", _HEAD + _change(box=[-4, 0, 0, 4]))
_file("journal", "of a frame that is none", _HEAD + _change(frame=1 << 40))
_file("journal", "with planes that blow up", _HEAD + _change(after=_bomb()))
_file("journal", "with planes for an undo that blow up", _HEAD + _change(before=_bomb()))
_file("journal", "with a change that is text", _HEAD + _record({"do": ["x"]}))
_file("journal", "with an infinite id", _HEAD + _record(b'{"reserve": 1e999}'))
_file("journal", "with an id that is none", _HEAD + _record({"reserve": 1 << 60}))
_zeros("journal")
_pipe("journal")


def _header(name: str, shape: Any, key: Any = None, size: int | None = None) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = folder / "probabilities-0.unetp"
        text = json.dumps({"shape": shape, "key": key or {}}).encode()
        head = struct.Struct("<8sIIQQQ").pack(
            b"NUNETPRB", 1, zlib.crc32(text), len(text), 4096, 8192
        )
        path.write_bytes(head + text)
        os.truncate(path, 8192 if size is None else size)
        return path

    HOSTILE[f"probabilities {name}"] = ("probabilities", make)


_header("of a shape that overflows", [1, 1 << 32, 1 << 32, 1])
_header("of a negative shape", [1, -1, -1, 0])
_header("of a shape in words", ["a", 1, 1, 1])
_header("of three axes", [3, 32, 40])
_header("of more frames than can be", [1 << 36, 1, 1, 1], size=8192 + (1 << 36))
_header("of a huge frame", [1, 1, _HUGE, _HUGE], size=8192)
_header("with a key that is a list", [1, 1, 4, 4], ["outputs"], 8192 + 16)
_header("with outputs that are none", [1, 1, 4, 4], {"outputs": [1, 2]}, 8192 + 16)
_pipe("probabilities")


# --- labels ---


def _labels(name: str, array: Any, **how: Any) -> None:
    def make(folder: Path, marker: Path) -> Path:
        path = folder / "labels.tif"
        how.setdefault("photometric", "minisblack")
        tifffile.imwrite(path, array, **how)
        return path

    HOSTILE[f"labels {name}"] = ("label file", make)


_labels("of NaN", np.full(kept.LABELS.shape, np.nan, np.float32))
_labels("of complex numbers", kept.LABELS.astype(np.complex64))
_labels("of halves", kept.LABELS / np.float32(2))
_labels("below nothing", kept.LABELS.astype(np.int16) - 9)
_labels("of another size", kept.LABELS[:, :9])
_labels("of too many frames", np.repeat(kept.LABELS, 3, axis=0))
_labels(
    "in colour",
    np.stack([kept.LABELS.astype(np.uint8) * k for k in (1, 50, 90)], -1),
    photometric="rgb",
)


@hostile("label file")
def labels_larger_than_memory(folder: Path, marker: Path) -> Path:
    path = kept.write_labels(folder)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages[0].tags[name].overwrite(_HUGE)
    return path


@hostile("label folder")
def folder_of_dead_links(folder: Path, marker: Path) -> Path:
    path = kept.write_label_folder(folder)
    path.unlink()
    path.symlink_to(folder / "nowhere.tif")
    return path


@hostile("label folder")
def folder_with_a_pipe(folder: Path, marker: Path) -> Path:
    path = kept.write_label_folder(folder)
    path.unlink()
    os.mkfifo(path)
    return path
