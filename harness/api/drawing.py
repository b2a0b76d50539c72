"""Import of the figures module, independent of the matplotlib backend that a notebook sets."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any


def figures() -> Any:
    """The module ``harness.api.figures``; matplotlib loads without ``MPLBACKEND``, whose backend may be missing."""
    backend = os.environ.pop("MPLBACKEND", None)
    first = "matplotlib" not in sys.modules
    try:
        drawing = import_module("harness.api.figures")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if first and backend is not None:
        with suppress(ValueError):  # matplotlib does this on import; a notebook may draw later
            sys.modules["matplotlib"].rcParams["backend"] = backend
    return drawing
