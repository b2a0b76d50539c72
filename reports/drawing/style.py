"""Drawings that do not depend on the environment: matplotlib imported without its variables, with fixed settings."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from harness.errors import EnvironmentProblem

OURS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ftr-study",
    "hatch.linewidth": 0.8,
    # The typeface that is part of matplotlib, because text sizes decide positions and installed fonts differ.
    "font.sans-serif": ["DejaVu Sans"],
}
"""Settings that differ from matplotlib's defaults."""

_OF_THE_SESSION = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "docstring.hardcopy"})
"""Settings of windows and notebooks, which drawings do not use and which stay unchanged."""

_VARIABLES = ("MPLBACKEND", "MPLCONFIGDIR")


@contextmanager
def fixed_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and :data:`OURS`, whatever matplotlibrc, styles or earlier settings are.

    The previous settings of the process are restored afterwards.

    Raises:
        EnvironmentProblem: matplotlib cannot be imported.
    """
    mpl = _matplotlib()
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name not in _OF_THE_SESSION}
    with mpl.rc_context({**defaults, **OURS}):
        yield


def _matplotlib() -> Any:
    """Return matplotlib, imported without the ``MPLBACKEND`` of a notebook, which may not be installed here."""
    if "matplotlib.font_manager" in sys.modules:
        return sys.modules["matplotlib"]
    first = "matplotlib" not in sys.modules
    kept = {name: os.environ.get(name) for name in _VARIABLES}
    logger = logging.getLogger("matplotlib")
    level = logger.level
    os.environ.pop("MPLBACKEND", None)
    # Its warnings about folders, the font cache and the user's matplotlibrc are of no use to the reader of a report.
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import matplotlib as mpl
            from matplotlib import font_manager as _  # noqa: F401 - lists the fonts, once
    except Exception as problem:  # a broken matplotlibrc can raise anything
        raise EnvironmentProblem(
            f"figures need matplotlib, which cannot be imported ({type(problem).__name__}: {problem}); "
            "run: pip install matplotlib, or fix the matplotlibrc named above"
        ) from problem
    finally:
        logger.setLevel(level)
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    if first and kept["MPLBACKEND"]:
        # Set the backend as matplotlib does at import, for a notebook that draws later.
        with suppress(ValueError):
            mpl.rcParams["backend"] = kept["MPLBACKEND"]
    return mpl
