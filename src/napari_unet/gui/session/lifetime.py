"""What ends with a viewer or with a widget: connections, workers, timers, the job.

Signals outlive the widgets that they are connected to, and workers answer when they are done, not
when somebody still waits. So whatever the docks start or listen to belongs to the `Lifetime` of
their session: after its end nothing is heard, drawn or written any more, whatever was under way.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import SignalInstance
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

# As the program ends, PyQt deletes what is left in any order, a window perhaps after the job whose
# signals it heard: to disconnect from a sender that is gone would end in a crash.
_exit = threading.Event()
atexit.register(_exit.set)  # after PyQt's own, so it comes before


class Lifetime:
    """Ends once; what joined it last ends first."""

    def __init__(self) -> None:
        self.ended = False
        self._ends: dict[_Once, None] = {}  # in order, and quick to leave

    def at_end(self, act: Callable[[], object], owner: QObject | None = None) -> None:
        """Call ``act`` when this ends, or before where Qt deletes the ``owner``; once."""
        end = _Once(act, self)
        if self.ended:
            end()
            return
        self._ends[end] = None
        if owner is not None:
            owner.destroyed.connect(end.leave)

    def connect(self, signal: Any, slot: Callable[..., Any], owner: QObject | None = None) -> None:
        """Call ``slot`` at a signal (of Qt, psygnal or napari) until this or its owner ends.

        A bound method is held weakly.
        """
        if self.ended:
            return
        bound = hasattr(slot, "__self__")
        if bound and isinstance(signal, SignalInstance):
            slot = _while_there(slot)
            bound = False
        signal.connect(slot)
        held: Callable[[], Any] = weakref.WeakMethod(slot) if bound else lambda: slot
        self.at_end(lambda: _disconnect(signal, held()), owner)

    def connect_all(
        self, signals: Iterable[Any], slot: Callable[..., Any], owner: QObject | None = None
    ) -> None:
        """Connect several signals to one slot."""
        for signal in signals:
            self.connect(signal, slot, owner)

    def end(self) -> None:
        """End all that joined; what fails to end does not keep the rest from it."""
        self.ended = True
        while self._ends:
            end, _ = self._ends.popitem()
            try:
                end()
            except RuntimeError:  # Qt deleted it before: the program ends
                logger.debug("gone already", exc_info=True)
            except Exception:  # one that is broken must not leave the others running
                logger.exception("something of a closed viewer did not end well")

    def leave(self, end: _Once) -> None:
        """Let go of what has ended by itself."""
        self._ends.pop(end, None)


class _Once:
    """An act that is done once, whichever end comes first.

    Qt is given `leave`, a bound method, which PyQt holds weakly. A function of its own would be a
    part of its widget: where Python collects both, it empties the function first, then Qt deletes
    the widget, says so, and PyQt calls what is empty: the process dies.
    """

    def __init__(self, act: Callable[[], object], lifetime: Lifetime) -> None:
        self._act: Callable[[], object] | None = act
        self._lifetime = weakref.ref(lifetime)  # whoever lives longer does not keep the other

    def __call__(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()

    def leave(self, *_: object) -> None:
        """End before the lifetime does."""
        self()
        lifetime = self._lifetime()
        if lifetime is not None:
            lifetime.leave(self)


def _while_there(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a method, held weakly, and does nothing once its owner is gone.

    psygnal holds methods weakly, too, but raises where a collection on another thread has emptied
    one and not yet told psygnal so.
    """
    held = weakref.WeakMethod(method)

    def heard(*args: Any) -> None:
        still = held()
        if still is not None:
            still(*args)

    heard.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return heard


def _disconnect(signal: Any, slot: Callable[..., Any] | None) -> None:
    if slot is None or _exit.is_set():
        return
    try:
        signal.disconnect(slot)
    except (TypeError, ValueError, RuntimeError):  # the other side let go of it already
        return
