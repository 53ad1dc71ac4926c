"""Axes: one letter for each dimension, and what to make of letters that say nothing.

``T`` frames, ``C`` channels, ``Z`` sections, ``Y`` ``X`` the image, ``S`` colour samples (RGB).
TIFF files without metadata have ``Q`` or ``I`` for a dimension that nobody named.
"""

from __future__ import annotations

from napari_unet.engine.errors import BadInput, Notice

KNOWN = "TCZYXS"
NOTHING = "_"
"""Stands for an unnamed axis of length 1, which is always read at 0."""

_UNNAMED = "?"
_NAMELESS = "QI?"  # how TIFF readers write an axis that nobody named
_OTHERS = {
    "A": "angles",
    "E": "wavelengths",
    "H": "lifetimes",
    "L": "exposures",
    "V": "events",
    "P": "phases",
    "R": "tiles",
    "M": "mosaics",
    "J": "columns",
    "K": "rows",
}
_THIN, _WIDE = 6, 16  # pixels: an image this narrow, beside a length above the other, is doubted
_FEW = 5  # an unnamed axis this short, beside another unnamed one, is taken for channels
_REMEDY = "give the axes, for example TCYX"
_MOST_CHANNELS = 32  # a spectral detector has as many


def check_axes(text: str) -> str:
    """Return axes that a user wrote in capitals; ``BadInput`` where they make no image."""
    axes = text.strip().upper()
    if set(axes) - set(KNOWN) or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        raise BadInput(
            f"axes {text!r}",
            f"each of the letters {KNOWN} at most once, Y and X among them",
            "write them in the order of the file, for example TCYX",
        )
    return axes


def fit_axes(wanted: str, layouts: list[tuple[str, tuple[int, ...]]], name: str) -> tuple[int, ...]:
    """Find the shape that belongs to ``wanted`` axes.

    ``layouts`` are the ways in which the file can be seen (axes and shape, with or without
    dimensions of length 1). The first with as many dimensions as ``wanted`` counts.
    """
    for axes, shape in layouts:
        if len(shape) == len(wanted):
            return shape
        kept = [(a, n) for a, n in zip(axes, shape, strict=True) if n != 1 or a in wanted]
        if len(kept) == len(wanted):
            return tuple(n for _, n in kept)
    axes, shape = layouts[0]
    raise BadInput(
        f"axes {wanted} for {name}, which has {len(shape)} dimensions: {say_shape(axes, shape)}",
        f"{len(shape)} letters",
        "correct the axes or leave them empty",
    )


def guess_axes(
    axes: str, shape: tuple[int, ...], name: str, *, taken: str = ""
) -> tuple[str, tuple[Notice, ...]]:
    """Name the axes that the file leaves unnamed; same length as ``axes``, and what was guessed.

    The first unnamed axis is time, or z where frames are files (``taken="T"``). Of two, the
    second is channels where it is short. Anything less clear raises ``BadInput``.
    """
    named = _find_image(_known_letters(axes.upper(), shape, name, taken))
    places = [i for i, letter in enumerate(named) if letter == _UNNAMED]
    free = [a for a in "TCZ" if a not in named and a not in taken]
    guesses = _guess_letters([shape[i] for i in places], free)
    if guesses is None or not {"Y", "X"} <= set(named):
        raise BadInput(
            f"{name} does not say what its axes are: {say_shape(axes, shape)}",
            "axes named in the file",
            _REMEDY,
        )
    for i, letter in zip(places, guesses, strict=True):
        named[i] = letter
    result = "".join(named)
    notices: tuple[Notice, ...] = ()
    if guesses not in ([], ["T"]):
        said = result.replace(NOTHING, "")
        notices = (Notice("check", f"{name} does not name its axes; read as {said}"),)
    notices += _doubt_thin(result, shape, name, said=not _nobody_named(axes, shape))
    if taken:
        return result, notices
    result, doubts = _doubt_axes(result, shape, name)
    return result, (*notices, *doubts)


def _known_letters(axes: str, shape: tuple[int, ...], name: str, taken: str) -> list[str]:
    """Mark what says nothing, and refuse what means something else."""
    named = list(axes)
    if "C" not in axes and "C" not in taken and axes.count("E") == 1:
        named[named.index("E")] = "C"  # wavelengths of light are channels
    for i, letter in enumerate(named):
        if letter not in KNOWN + _NAMELESS and shape[i] > 1:
            _refuse_letter(letter, shape[i], axes, shape, name)
        unnamed = letter not in KNOWN or letter in named[:i]
        if shape[i] == 1 and (unnamed or letter == "S" or letter in taken):
            named[i] = NOTHING
        elif unnamed:
            named[i] = _UNNAMED
    if "S" in named and named[-1] != "S" and "C" not in named and "C" not in taken:
        named[named.index("S")] = "C"  # colours in separate planes are channels in most files
    return named


def _nobody_named(axes: str, shape: tuple[int, ...]) -> bool:
    return any(a in "Qq" and n > 1 for a, n in zip(axes, shape, strict=True))


def _refuse_letter(letter: str, n: int, axes: str, shape: tuple[int, ...], name: str) -> None:
    word = _OTHERS.get(letter, f"something called {letter}")
    free = next((a for a in "TCZ" if a not in axes), "T")
    raise BadInput(
        f"{name} has an axis of {n} {word}: {say_shape(axes, shape)}",
        "frames (T), channels (C), sections (Z) and the image (Y, X)",
        f"give the axes with one of these letters for it, for example {axes.replace(letter, free)}",
    )


def _doubt_thin(axes: str, shape: tuple[int, ...], name: str, *, said: bool) -> tuple[Notice, ...]:
    """Doubt an image that is a few pixels wide: an array written as Y, X, T looks like it.

    Where nobody named the axes, it is refused.
    """
    sizes = [shape[axes.index("Y")], shape[axes.index("X")]]
    thin = min(sizes)
    if not 2 <= thin <= _THIN or max(shape) <= _WIDE:
        return ()
    found = f"{name} has images {thin} pixels {'wide' if sizes[1] == thin else 'high'}"
    if said:
        line = f"{found} ({say_shape(axes, shape)}); if that is another axis, give the axes"
        return (Notice("check", line.replace(f"{NOTHING} 1, ", "")),)
    raise BadInput(
        f"{found}, if its axes are as they look: {say_shape(axes, shape)}",
        "axes named in the file",
        "give the axes, for example YXT or TYX",
    )


def say_shape(axes: str, shape: tuple[int, ...]) -> str:
    """Say dimensions with their letters: ``T 48, Y 256, X 320``."""
    return ", ".join(f"{a} {n}" for a, n in zip(axes, shape, strict=True))


def _guess_letters(lengths: list[int], free: list[str]) -> list[str] | None:
    """Letters for unnamed axes of these lengths, or None where it is a toss-up."""
    if not lengths:
        return []
    if "T" in free and len(lengths) == 1:
        return ["T"]
    if "T" in free and "C" in free and len(lengths) == 2 and lengths[1] <= _FEW < lengths[0]:
        return ["T", "C"]
    if "T" not in free and len(lengths) == 1:
        order = "CZ" if lengths[0] <= _FEW else "ZC"
        return next(([a] for a in order if a in free), None)
    return None


def _doubt_axes(axes: str, shape: tuple[int, ...], name: str) -> tuple[str, tuple[Notice, ...]]:
    """Doubt what a file without time says: many writers call frames channels or sections."""
    if "T" in axes:
        return axes, ()
    for letter, word in (("C", "channels"), ("Z", "sections")):
        n = shape[axes.index(letter)] if letter in axes else 1
        if letter == "C" and n > _MOST_CHANNELS:
            axes = axes.replace("C", "T")
            line = f"{name} says it has {n} channels; read as frames, axes {axes}"
            return axes, (Notice("check", line.replace(NOTHING, "")),)
        if n > _FEW:
            other = axes.replace(letter, "T").replace(NOTHING, "")
            line = f"{name} says it has one frame with {n} {word}; if these are frames, "
            return axes, (Notice("check", f"{line}give the axes {other}"),)
    return axes, ()


def _find_image(named: list[str]) -> list[str]:
    """Take the last unnamed axes for Y and X where a file names neither."""
    places = [i for i, letter in enumerate(named) if letter == _UNNAMED]
    if len(places) >= 2 and "Y" not in named and "X" not in named:
        named[places[-2]], named[places[-1]] = "Y", "X"
    return named
