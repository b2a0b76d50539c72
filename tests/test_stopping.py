"""One Ctrl-C ends a run, wherever Python is when it comes."""

from __future__ import annotations

import os
import signal
import sys
import weakref
from collections.abc import Iterator

import pytest

from harness.stopping import stoppable


class Thing:
    pass


def interrupt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def heard_as_python_does() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_the_block_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        interrupt()


def test_one_that_python_drops_ends_it_at_the_next_check(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []

    def lose_one() -> None:
        with stoppable() as check:
            check()
            thing = Thing()
            reference = weakref.ref(thing, interrupt)
            del thing
            reached.append(reference())
            check()

    with pytest.raises(KeyboardInterrupt):
        lose_one()
    assert reached == [None], "Python dropped the exception of the callback"
    assert capsys.readouterr().err == ""


def test_handlers_are_as_they_were_and_those_of_the_caller_stay() -> None:
    hook = sys.unraisablehook
    with stoppable():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert sys.unraisablehook is hook
    signal.signal(signal.SIGINT, interrupt)
    with stoppable():
        assert signal.getsignal(signal.SIGINT) is interrupt
