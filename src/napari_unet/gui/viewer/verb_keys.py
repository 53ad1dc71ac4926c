"""The verbs by name: what they are called, what they do, and their keys.

The keys are napari's actions of a Labels layer: they stand in *Preferences ▸ Shortcuts*, where
they can be changed, and none of them is a key that napari has there already.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app_model.types import KeyBinding, KeyCode, KeyMod
from napari.layers import Labels
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from platformdirs import user_data_path

from napari_unet.engine.files.atomic import atomic_path, make_folder
from napari_unet.engine.files.read_json import read_json

_PACKAGE = "napari-unet-live"
_in_use = {"preset": "own"}


@dataclass(frozen=True)
class Verb:
    """A verb as buttons and preferences show it; ``keys`` are those it has at first."""

    title: str
    tip: str
    key: int = 0  # of app-model: KeyMod | KeyCode; 0 for none


VERBS = {
    "correct": Verb("Correct", "Switch the verbs of the mouse on or off", KeyCode.KeyR),
    "delete": Verb(
        "Delete", "Delete the cell; it stays deleted whatever the model says", KeyCode.KeyD
    ),
    "merge": Verb("Merge", "Merge the chosen cell with the one under the cursor", KeyCode.KeyG),
    "split": Verb(
        "Split", "Split the cell: by itself, or along a line that you draw", KeyCode.KeyS
    ),
    "draw": Verb("Draw", "Draw round a new cell", KeyCode.KeyO),
    "fill": Verb("Fill", "Fill in the cell that the model nearly saw here", KeyCode.KeyA),
    "redraw": Verb(
        "Redraw",
        "Draw roughly round a cell: its outline follows the probability",
        KeyMod.Shift | KeyCode.KeyO,
    ),
    "grow": Verb("Grow", "Make the cell a pixel wider all round", KeyCode.KeyU),
    "shrink": Verb("Shrink", "Make the cell a pixel narrower all round", KeyCode.KeyJ),
    "lower": Verb(
        "Lower threshold",
        "Outline this cell alone at a lower threshold: larger",
        KeyMod.Shift | KeyCode.KeyU,
    ),
    "higher": Verb(
        "Raise threshold",
        "Outline this cell alone at a higher threshold: smaller",
        KeyMod.Shift | KeyCode.KeyJ,
    ),
    "smooth": Verb("Smooth", "Take dents and spurs off the cell", KeyMod.Shift | KeyCode.KeyS),
    "fill_holes": Verb("Fill holes", "Fill the holes of the cell", KeyCode.KeyH),
    "copy_previous": Verb("From previous", "Copy the cell of the frame before", KeyCode.Comma),
    "copy_next": Verb("From next", "Copy the cell of the frame after", KeyCode.Period),
    "interpolate": Verb(
        "Interpolate",
        "Draw the chosen cell on the frames between two on which you drew it",
        KeyCode.KeyI,
    ),
    "fill_between": Verb(
        "Fill between",
        "Draw the chosen cell on the sections between those on which you drew it",
        KeyMod.Shift | KeyCode.KeyF,
    ),
    "confirm_cell": Verb("Confirm", "Vouch for the cell as it is", KeyCode.KeyC),
    "back_to_model": Verb(
        "Back to model", "Take back all that you did to the cell", KeyCode.Backspace
    ),
    "lock": Verb("Lock", "Lock the cell: neither brush nor verb changes it", KeyCode.KeyK),
    "delete_track": Verb(
        "Delete track", "Delete the cell on all frames of its track", KeyMod.Shift | KeyCode.KeyD
    ),
    "merge_track": Verb(
        "Merge tracks",
        "Merge the chosen cell with the one under the cursor on all frames of both",
        KeyMod.Shift | KeyCode.KeyG,
    ),
    "confirm_frame": Verb(
        "Frame is done", "Say that every cell of the frame is outlined", KeyMod.Shift | KeyCode.KeyC
    ),
    "background_brush": Verb(
        "Background brush", "Paint ground on which no cell is", KeyMod.Shift | KeyCode.KeyB
    ),
    "previous_doubt": Verb("◂ Doubt", "Go to the doubt before", KeyMod.Shift | KeyCode.KeyN),
    "next_doubt": Verb("Doubt ▸", "Go to the next doubt, the worst first", KeyCode.KeyN),
    "repair": Verb("Repair", "Take the repair that is offered, and go on", KeyCode.KeyY),
    "fine": Verb("Fine", "It is fine as it is: vouch for it, and go on to the next", KeyCode.KeyQ),
    "mitotic": Verb(
        "Mitotic", "Call the cell mitotic, from here to its division", KeyMod.Shift | KeyCode.KeyP
    ),
    "dead": Verb("Dead", "Call the cell dead, from here on", KeyMod.Shift | KeyCode.KeyX),
    "debris": Verb(
        "Debris",
        "Call it debris on all frames: background to learn from, and no cell",
        KeyMod.Shift | KeyCode.KeyR,
    ),
    "own_state": Verb(
        "Call it", "Call the cell what is written beside, from here on", KeyMod.Shift | KeyCode.KeyL
    ),
    "no_state": Verb(
        "No state", "Take back what the cell is called, from here on", KeyMod.Shift | KeyCode.KeyQ
    ),
    "link": Verb(
        "Link",
        "The chosen cell is the one under the cursor, on another frame",
        KeyMod.Shift | KeyCode.KeyK,
    ),
    "unlink": Verb(
        "Unlink",
        "The cell is not the one of the frame before, nor its daughter",
        KeyMod.Shift | KeyCode.KeyH,
    ),
    "mother": Verb(
        "Mother",
        "The chosen cell divides, and the one under the cursor, on a later frame, comes of it",
        KeyMod.Shift | KeyCode.KeyY,
    ),
    "train_on": Verb(
        "Train, go on",
        "Train on what you repaired, segment the movie anew, and go to the worst doubt left",
        KeyMod.Shift | KeyCode.KeyT,
    ),
    "wrong": Verb(
        "Wrong", "A cell of the window is wrong: merged, cut or badly outlined", KeyCode.KeyW
    ),
    "missed": Verb("Missed", "A cell of the window has no label", KeyMod.Shift | KeyCode.KeyM),
    "invented": Verb("Invented", "A label of the window is no cell", KeyMod.Shift | KeyCode.KeyI),
    "looked_at": Verb(
        "Next window",
        "All errors of this window are counted: to the next one",
        KeyMod.Shift | KeyCode.KeyW,
    ),
    "previous_frame": Verb("Previous frame", "Go a frame back"),
    "next_frame": Verb("Next frame", "Go a frame on"),
}
DOUBT_VERBS = ("previous_doubt", "next_doubt", "repair", "fine")
SAMPLE_VERBS = ("wrong", "missed", "invented", "looked_at")
LINK_VERBS = ("link", "unlink", "mother")
DOCK_VERBS = (*DOUBT_VERBS, *SAMPLE_VERBS, *LINK_VERBS, "train_on")
"""Those of doubts, of a sample that is checked, of links through time, and of the dock: the Review
dock does them."""
STATE_VERBS = ("mitotic", "dead", "debris", "own_state", "no_state")
"""Those that say a state of a cell, along its track."""
REVIEW_VERBS = (*DOCK_VERBS, *STATE_VERBS, "delete_track", "merge_track")
"""Those that the Review dock does or goes on with: it is opened for them."""
# Where a preset has other keys than those above; 0 for none.
PRESETS: dict[str, dict[str, int]] = {
    "own": {},
    "cellpose": {
        "delete": KeyCode.Delete,
        "fill": KeyMod.Shift | KeyCode.KeyA,
        "previous_frame": KeyCode.KeyA,
        "next_frame": KeyCode.KeyD,
    },
}


def action_of(name: str) -> str:
    """Return the name that napari has for a verb."""
    return f"{_PACKAGE}:{name}"


def register(act: Callable[[Labels, str], None]) -> None:
    """Make napari know the verbs; ``act`` does one on a layer. Keys that a user chose stay."""
    if action_of("correct") in action_manager._actions:  # noqa: SLF001 - nothing public tells
        return
    for name, verb in VERBS.items():
        action_manager.register_action(
            action_of(name), _command(name, act), f"{verb.title}: {verb.tip}", Labels
        )
    use_preset(kept_preset())


def kept_preset() -> str:
    """Return the preset that a user chose last, in this session or an earlier one."""
    try:
        found = read_json(_file())["preset"]
    except (OSError, ValueError, TypeError, KeyError):
        return "own"
    return found if found in PRESETS else "own"


def keep_preset(preset: str) -> None:
    """Use a preset, now and in later sessions; where that cannot be written, now."""
    use_preset(preset)
    with suppress(OSError, ValueError):
        make_folder(_file().parent)
        with atomic_path(_file()) as temporary:
            temporary.write_text(json.dumps({"preset": preset}), encoding="utf-8")


def _file() -> Path:
    return user_data_path("napari-unet", appauthor=False) / "keys.json"


def use_preset(preset: str) -> None:
    """Give the verbs the keys of a preset, where a user has not chosen others; and the mouse."""
    _in_use["preset"] = preset
    chosen = get_settings().shortcuts.shortcuts
    names = [name for name in VERBS if action_of(name) not in chosen]
    for name in names:  # first all go: one verb's new key may be another's old one
        if keys_of(name):
            action_manager.unbind_shortcut(action_of(name))
    for name in names:
        key = PRESETS[preset].get(name, VERBS[name].key)
        if key:
            action_manager.bind_shortcut(action_of(name), KeyBinding.from_int(key))


def preset_in_use() -> str:
    """Return the preset whose keys hold now; keys are of all layers, and so is this."""
    return _in_use["preset"]


def keys_of(name: str) -> list[str]:
    """Return the keys that a verb has now, as this system writes them."""
    found = action_manager._shortcuts.get(action_of(name), [])  # noqa: SLF001 - as above
    return [_written(key) for key in found]


def with_key(name: str, title: str = "") -> str:
    """Return what a verb's button says: its title, or another one, and the key that it has now."""
    return f"{title or VERBS[name].title}  {' '.join(keys_of(name)[:1])}".rstrip()


@cache
def _written(key: object) -> str:
    return str(Shortcut(key))


def _command(name: str, act: Callable[[Labels, str], None]) -> Callable[[Labels], None]:
    def run(layer: Labels) -> None:
        act(layer, name)

    run.__name__ = f"napari_unet_{name}"
    return run
