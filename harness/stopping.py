"""Ctrl-C that is heard, wherever Python is when it comes."""

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
    """A block that Ctrl-C ends by KeyboardInterrupt, at once or at the next call of what is yielded.

    Python drops an exception that is raised while a weak reference's callback or a finaliser runs, so that one Ctrl-C
    in some hundreds would be lost. Signals that the caller handles in a way of its own are left to it.
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
    """A block in which an interrupt that Python drops leaves no traceback on the screen."""
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
    """What there is to check where no signal is heard."""
