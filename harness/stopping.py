"""Reliable handling of Ctrl-C, also when Python would drop the exception."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """End the block with KeyboardInterrupt on Ctrl-C, at once or at the next call of the yielded function.

    Python drops an exception that is raised in a weak reference's callback or a finaliser, so one Ctrl-C in some
    hundreds would be lost. Signals for which the caller has its own handler are not changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield nothing
        return
    asked = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    before = {each: signal.getsignal(each) for each in SIGNALS}
    ours = [each for each in SIGNALS if before[each] is signal.default_int_handler]
    for each in ours:
        signal.signal(each, hear)
    try:
        with dropped_quietly():
            yield check
    finally:
        for each in ours:
            signal.signal(each, before[each])


@contextmanager
def dropped_quietly() -> Iterator[None]:
    """Suppress, inside the block, the traceback of an interrupt that Python drops."""
    hook = sys.unraisablehook

    def told(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            hook(dropped)

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = hook


def nothing() -> None:
    """Do nothing; the check outside the main thread, where signals are not handled."""
