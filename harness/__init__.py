"""Ablation studies of FTragrec.

What a notebook imports; every name is loaded when it is first used, so that importing this package stays cheap:

* ``load_study(path)``: read and check a study file;
* ``make_plan(study)``: its cells, composed and checked;
* ``run_study(study, options, display)``: run them;
* ``compose(base, stack)``, ``BASE``, ``CATALOGUE``: recipes and remedies.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.interventions import CATALOGUE
    from harness.modes.planning import make_plan
    from harness.recipe.compose import compose
    from harness.recipe.recipe import BASE
    from harness.runner.coordinator import RunOptions, run_study
    from harness.study.study import load_study

# OpenMP threads that spin for long while they wait make two threads a hundred times slower than one as soon as another
# process wants the core; threads that never spin halve the speed on an idle machine. A short spin does neither. The
# runtime reads this when torch or faiss is loaded, so it has to be set before.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = ["BASE", "CATALOGUE", "RunOptions", "compose", "load_study", "make_plan", "run_study"]

_HOME = {
    "BASE": "harness.recipe.recipe",
    "CATALOGUE": "harness.interventions",
    "RunOptions": "harness.runner.coordinator",
    "compose": "harness.recipe.compose",
    "load_study": "harness.study.study",
    "make_plan": "harness.modes.planning",
    "run_study": "harness.runner.coordinator",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
