"""Ablation studies of FTragrec: the complete public API.

* ``Study(data=..., arms=..., ...)`` creates a study with the keys of a study file; ``load_study(path)`` reads a file;
* ``study.plan()`` returns a ``StudyPlan``: what a run would do; ``study.run()`` runs it and returns a ``StudyResult``;
* ``StudyFileError`` lists the mistakes in a study, each with its place;
* ``compose(BASE, stack)`` applies interventions of ``CATALOGUE`` to the base recipe.

Names are loaded at first use, so importing this package is cheap. The package ``reports`` analyses results further.

>>> from harness import BASE, CATALOGUE, compose
>>> by_id = {kind.id: kind for kind in CATALOGUE}
>>> recipe = compose(BASE, [by_id["kl.reverse"](), by_id["kl.weight"](weight=0.003)])
>>> recipe.divergence, recipe.alignment_weight.value
(ReverseKL(), 0.003)
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api.plan import StudyPlan
    from harness.api.result import StudyResult
    from harness.api.study import Study, load_study
    from harness.interventions import CATALOGUE
    from harness.recipe.compose import compose
    from harness.recipe.recipe import BASE
    from harness.study.mistakes import StudyFileError

# OpenMP threads that spin long while waiting make two threads a hundred times slower than one when another process
# uses the core; threads that never spin halve the speed on an idle machine. A short spin avoids both. The runtime
# reads this when torch or faiss is loaded, so it must be set earlier.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = [
    "BASE",
    "CATALOGUE",
    "Study",
    "StudyFileError",
    "StudyPlan",
    "StudyResult",
    "compose",
    "load_study",
]

_HOME = {
    "BASE": "harness.recipe.recipe",
    "CATALOGUE": "harness.interventions",
    "Study": "harness.api.study",
    "StudyFileError": "harness.study.mistakes",
    "StudyPlan": "harness.api.plan",
    "StudyResult": "harness.api.result",
    "compose": "harness.recipe.compose",
    "load_study": "harness.api.study",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
