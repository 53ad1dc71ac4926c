"""What made an export: a JSON file beside it, and the sentences for a paper's methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import Notice
from napari_unet.engine.export.target.formats import LABEL_FORMATS
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.names import ANY_NAME
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.files.versions import PROGRAM, versions
from napari_unet.engine.settings import (
    LabelSettings,
    PredictSettings,
    Settings,
    parted_as_in_0_1_0,
)

if TYPE_CHECKING:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

_SETTINGS: dict[str, type[Settings]] = {"labels": LabelSettings, "prediction": PredictSettings}
_LABEL_KINDS = {kind.title for kind in LABEL_FORMATS.values()}
_UNET = "Ronneberger O, Fischer P, Brox T (2015), doi:10.1007/978-3-319-24574-4_28"
_KORN = "Korn EL, Graubard BI (1998), Survey Methodology 24:193-201"
_NAPARI = "napari contributors (2019), doi:10.5281/zenodo.3555620"


@dataclass(frozen=True)
class Provenance:
    """Where labels came from: the model's name and sha256, its training, the settings used."""

    model_name: str | None = None
    model_sha256: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Settings] = field(default_factory=dict)
    n_corrected: int | None = None
    check: Mapping[str, Any] | None = None  # the rate of errors in windows that were looked at
    notices: Sequence[Notice] = ()  # beside those of the movie; as they are when it is written
    details: Mapping[str, Any] = field(default_factory=dict)  # said beside all this, by name

    @classmethod
    def of(
        cls, model: Model | None = None, *, n_corrected: int | None = None, **settings: Settings
    ) -> Provenance:
        """Take name, sha256 and training record from ``model``; ``settings`` by name."""
        if model is None:
            return cls(settings=settings, n_corrected=n_corrected)
        return cls(model.name, model.sha256, dict(model.record), settings, n_corrected)


def sidecar_path(path: Path) -> Path:
    """Place of the sidecar of an export: ``labels.tif`` has ``labels.tif.json``."""
    return path.with_name(path.name + ".json")


def write_sidecar(
    path: Path,
    stack: Stack,
    provenance: Provenance | None = None,
    *,
    kind: str,
    **details: Any,
) -> Path:
    """Write what is needed to make the export at ``path`` again; gives the sidecar's path."""
    with sidecar_beside(path, stack, provenance, kind=kind, **details) as note:
        note(path)
    return sidecar_path(path)


@contextmanager
def sidecar_beside(
    path: Path,
    stack: Stack,
    provenance: Provenance | None = None,
    *,
    kind: str,
    **details: Any,
) -> Iterator[Callable[..., None]]:
    """Return what writes the sidecar of an export once its temporary file is whole.

    It is called with that file, and the notices of what was left out in writing.

    The sidecar gets its name when the block ends: an export inside the block is renamed only
    where there was room for the sidecar, too.
    """
    with atomic_path(sidecar_path(path)) as temporary:

        def note(written: Path, notices: Sequence[Notice] = ()) -> None:
            made_by = provenance or Provenance()
            made_by = replace(made_by, notices=(*made_by.notices, *notices))
            content = _content(path, written, stack, made_by, kind)
            text = json.dumps({**content, **details}, indent=2, ensure_ascii=False, default=str)
            temporary.write_text(text + "\n", encoding="utf-8", errors=ANY_NAME)

        yield note


def _content(
    path: Path, written: Path, stack: Stack, provenance: Provenance, kind: str
) -> dict[str, Any]:
    return {
        "file": path.name,
        "kind": kind,
        "bytes": written.stat().st_size if written.is_file() else None,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": {
            "name": stack.name,
            "path": None if stack.path is None else str(stack.path),
            "fingerprint": stack.fingerprint,
            "stamp": stack.stamp,
            "content": stack.content,
            "selection": stack.selection.model_dump(mode="json"),
            "pixel_size_um": stack.pixel_size,
            **({"z_step_um": stack.z_step} if stack.dims == 3 else {}),
            "frame_interval_s": stack.frame_interval,
        },
        "model": {
            "name": provenance.model_name,
            "sha256": provenance.model_sha256,
            "training": dict(provenance.training),
        },
        "settings": {k: v.model_dump(mode="json") for k, v in provenance.settings.items()},
        "corrected_objects": provenance.n_corrected,
        **({"check": dict(provenance.check)} if provenance.check else {}),
        "notices": [asdict(n) for n in dict.fromkeys((*stack.notices, *provenance.notices))],
        "versions": versions(),
        **provenance.details,
    }


def read_provenance(path: Path) -> Provenance:
    """Return what the sidecar of labels at ``path`` says of their making.

    Nothing where there is none; a notice where there is one that says nothing.
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return Provenance()
    try:
        said = read_json(sidecar)
        model, settings = said["model"], said_settings(said)
        known: dict[str, Settings] = {
            name: kind.model_validate(settings[name])
            for name, kind in _SETTINGS.items()
            if name in settings
        }
        corrected = said.get("corrected_objects")
        training = dict(model.get("training") or {})
        notices = tuple(Notice(n["level"], n["line"]) for n in said.get("notices") or ())
        return Provenance(
            model["name"], model["sha256"], training, known, corrected, notices=notices
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        line = f"{sidecar.name} is damaged, or no sidecar: what made the labels is not known"
        return Provenance(notices=(Notice("check", line),))


def said_settings(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings by name that a sidecar says, as plain values.

    Version 0.1.0, which kept no notices, had another rule for holes.
    """
    found = sidecar.get("settings")
    settings = dict(found) if isinstance(found, dict) else {}
    if "labels" in settings and "notices" not in sidecar:
        settings["labels"] = parted_as_in_0_1_0(settings["labels"])
    return settings


def is_labels(path: Path) -> bool:
    """Whether the sidecar of a file or folder says that it holds labels that we wrote."""
    try:
        said = json.loads(sidecar_path(path).read_text(encoding="utf-8"))
        return said["file"] == path.name and said["kind"] in _LABEL_KINDS
    except (OSError, ValueError, KeyError, TypeError):
        return False


def methods_text(provenance: Provenance) -> str:
    """Sentences for the methods of a paper: program, model, settings, corrections, citations."""
    found = versions()
    program = f"{PROGRAM} {found.get(PROGRAM, '')}".strip()
    sentences = [f"Cells were segmented with {program} (PyTorch {found.get('torch', 'unknown')})"]
    if provenance.model_name:
        sentences.append(_models_sentence(provenance))
    text = " ".join(sentences) + "."
    for settings in provenance.settings.values():
        if isinstance(settings, LabelSettings):
            of_classes = _classes_sentences(settings, provenance.training)
            text += " " + (of_classes or _labels_sentence(settings))
    text += _test_sentence(provenance.training.get("test"))
    if provenance.n_corrected is not None:
        text += f" {provenance.n_corrected} objects were corrected by hand."
    text += _check_sentence(provenance.check)
    korn = f"; interval, {_KORN}" if provenance.check else ""
    return f"{text} References: U-Net, {_UNET}; napari, {_NAPARI}{korn}."


def _classes_sentences(settings: LabelSettings, training: Mapping[str, Any]) -> str:
    """Say how classes or regions became labels; empty for objects."""
    regions = str(training.get("regions") or "")
    if not (regions or settings.class_thresholds or settings.class_sizes):
        return ""
    own = _each(settings.class_thresholds, f"{settings.threshold:g}" if regions else "none")
    if regions:
        text = f"Pixels were given to the nested regions {regions}, where the probability of each"
        text += f" was above {own or f'{settings.threshold:g}'}."
    else:
        text = f"Pixels with a probability above {settings.threshold:g} were given their likeliest"
        text += f" class{f', of a probability above {own} in their order' if own else ''}."
    if any(settings.class_sizes):
        text += f" Connected pieces of fewer than {_each(settings.class_sizes, 'none')} pixels"
        if any(settings.class_sure):
            text += f" and a mean probability below {_each(settings.class_sure, '1')}"
        where = "the region around them" if regions else "what surrounded them"
        text += f" (in the order of the {'regions' if regions else 'classes'}) went to {where}."
    return text


def _each(values: Sequence[float], none: str) -> str:
    return ", ".join(f"{value:g}" if value else none for value in values)


def _models_sentence(provenance: Provenance) -> str:
    """Name the model, or all whose probabilities were averaged."""
    several = provenance.training.get("ensemble") or ()
    named = [(one.get("name"), one.get("sha256")) for one in several]
    each = [
        f'"{name}" (sha256 {(sha or "unknown")[:12]}…)'
        for name, sha in named or [(provenance.model_name, provenance.model_sha256)]
    ]
    if not several:
        return f"with the U-Net {each[0]}"
    return f"with the mean of the probabilities of the U-Nets {', '.join(each[:-1])} and {each[-1]}"


def _test_sentence(test: Mapping[str, Any] | None) -> str:
    """Say the test score, where there is one: of frames that chose nothing."""
    after = (test or {}).get("after")
    if not test or not after:
        return ""
    named = (("IoU", "iou"), ("SEG", "seg"), ("F1", "f1"))
    scores = ", ".join(f"{title} {after[key]:.3f}" for title, key in named)
    return f" On {test['tested_on']}, which chose neither weights nor settings, it had {scores}."


def _check_sentence(check: Mapping[str, Any] | None) -> str:
    """Say the rate of errors that a user found in random windows, where there is one."""
    if not check:
        return ""
    rate, low, high = (f"{100 * check[name]:.1f} %" for name in ("rate", "low", "high"))
    return (
        f" In {check['n_windows']} random windows with {check['n_cells']} cells, {rate} of the "
        f"cells were wrong, missed or invented by eye (95 % interval {low} to {high})."
    )


def _labels_sentence(settings: LabelSettings) -> str:
    split = (
        "touching cells were separated by watershed"
        if settings.split
        else "connected pixels were taken as one cell"
    )
    return (
        f"Pixels with a probability above {settings.threshold:g} were taken as cell, {split}, "
        f"and objects smaller than {settings.min_size} pixels "
        f"{f'or wholly in the outer {settings.edge} pixels ' if settings.edge else ''}were dropped."
    )
