"""Every stage, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.stages import backbone, beside, finetuning, machine, overlap, runner
from benchmarks.stages.base import Stage

STAGES: tuple[Stage, ...] = (
    *backbone.STAGES,
    *beside.STAGES,
    *finetuning.STAGES,
    *overlap.STAGES,
    *runner.STAGES,
    *machine.STAGES,
)


def chosen(names: Sequence[str] | None, *, long: bool) -> tuple[Stage, ...]:
    """The named stages in the table's order, or all; long stages only if named or if ``long``.

    Raises:
        ValueError: a name is unknown.
    """
    known = {stage.name: stage for stage in STAGES}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"there is no stage {unknown[0]!r}; use one of {', '.join(known)}")
    if names:
        return tuple(stage for stage in STAGES if stage.name in names)
    return tuple(stage for stage in STAGES if long or not stage.long)
