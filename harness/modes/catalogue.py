"""The modes that a study file can name: those of the harness, and those of installed plug-ins."""

from __future__ import annotations

from harness.modes.base import Mode
from harness.modes.factorial import Factorial
from harness.modes.greedy import Greedy
from harness.modes.grid import Grid
from harness.modes.search.mode import Search
from harness.plugins import Registry, subclass_of

MODES: Registry[type[Mode]] = Registry(
    group="ftr_study.modes",
    what="mode",
    builtin=lambda: (Grid, Search, Factorial, Greedy),
    name_of=lambda mode: mode.name,
    check=subclass_of(Mode),
)
"""Every mode by name, the default first."""
