"""``--set NAME=VALUE``: every setting, also those that have no option of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError

from napari_unet.cli.words import first_problem
from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

S = TypeVar("S", bound=Settings)


def assigned(words: Iterable[str] | None, *settings: Settings) -> tuple[Any, ...]:
    """Return ``settings`` after assignments such as ``filters=16,32`` or ``normalisation.high=99``.

    Each goes to the settings that have a field of its name. Values are as in JSON, or words.
    """
    values = list(settings)
    for word in words or ():
        name, equals, value = word.partition("=")
        path = name.strip().replace("-", "_").split(".")
        fits = [i for i, one in enumerate(values) if path[0] in type(one).model_fields]
        if not (equals and fits):
            raise _refused(word, _choices(settings))
        values[fits[0]] = _changed(values[fits[0]], path, _read(value.strip()), word)
    return tuple(values)


def _changed(settings: S, path: Sequence[str], value: Any, word: str) -> S:
    name, *rest = path
    if name not in type(settings).model_fields:
        raise _refused(word, _choices((settings,)))
    inner = getattr(settings, name)
    if rest:
        if not isinstance(inner, Settings):
            raise _refused(word, f"{name} is a value of its own")
        value = _changed(inner, rest, value, word)
    elif isinstance(inner, Settings) and isinstance(value, str):
        value = _preset(inner, value, word)
    try:
        return settings.replace(**{name: value})
    except ValidationError as error:
        raise _refused(word, first_problem(error)) from error


def _preset(settings: S, name: str, word: str) -> S:
    presets = type(settings).presets()
    if name not in presets:
        known = f"it is {' or '.join(presets)}" if presets else _choices((settings,))
        raise _refused(word, known)
    return presets[name]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return [_read(part) for part in text.split(",")] if "," in text else text


def _choices(settings: Iterable[Settings]) -> str:
    names = sorted(name for value in settings for name in type(value).model_fields)
    return f"NAME=VALUE is expected, with NAME one of {', '.join(names)}"


def _refused(word: str, why: str) -> typer.BadParameter:
    return typer.BadParameter(f"--set {word}: {why}")
