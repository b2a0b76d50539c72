"""What ``ftr-study plan`` says of a search before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

from harness.modes.search.space import Space
from harness.study.study import Study

ROWS_OF_BASE = 3
"""Base as tuned, base against itself, and base as it was, all of which are confirmed."""


def most_trial_runs(study: Study, spaces: Mapping[str, Space]) -> int:
    """Runs of the search itself where none is stopped early."""
    assert study.search is not None
    return len(spaces) * study.search.trials * study.replicates


def most_confirming_runs(study: Study, spaces: Mapping[str, Space]) -> int:
    """Runs of the confirmation where no two rows are the same recipe."""
    assert study.search is not None
    return (len(spaces) - 1 + ROWS_OF_BASE) * study.search.confirm


def search_notes(study: Study, spaces: Mapping[str, Space]) -> tuple[str, ...]:
    """How much is run at most, and what each arm's search sets.

    Args:
        study: in mode search.
        spaces: arm -> what its search may set, base first.
    """
    search = study.search
    assert search is not None
    replicates = f"{study.replicates} replicate{'s' * (study.replicates != 1)}"
    said = [
        f"search: {len(spaces)} arms (base is one) x {search.trials} settings x {replicates}, at most "
        f"{most_trial_runs(study, spaces)} runs, {search.width} settings of an arm at a time",
        f"confirmation: {len(spaces) - 1 + ROWS_OF_BASE} rows x {search.confirm} fresh replicates, at most "
        f"{most_confirming_runs(study, spaces)} runs",
    ]
    if search.prunes:
        fewest = next(n for n in range(2, 64) if 0.5**n < search.prune)
        needs = f"at {search.prune:g} a setting can stop early from replicate {fewest} on"
        said.append(needs if study.replicates > fewest else f"{needs}, so with {replicates} none can")
    for arm, space in spaces.items():
        names = ", ".join(axis.name for axis in space.axes) or "nothing, it has one setting"
        left_out = ", ".join(each.name for each in space.left_out)
        said.append(f"  {arm} sets {names}" + (f"; leaves as in base: {left_out}" if left_out else ""))
    return tuple(said)
