"""Loads what draws without letting a notebook's backend stand in the way."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any


def figures() -> Any:
    """What draws; matplotlib is loaded without a backend of ``MPLBACKEND``, which may be one that is not there."""
    backend = os.environ.pop("MPLBACKEND", None)
    first = "matplotlib" not in sys.modules
    try:
        drawing = import_module("harness.api.figures")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if first and backend is not None:
        with suppress(ValueError):  # as matplotlib does by itself, for a notebook that draws later
            sys.modules["matplotlib"].rcParams["backend"] = backend
    return drawing
