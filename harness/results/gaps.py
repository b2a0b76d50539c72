"""Files of cells that a manifest names but that are gone or damaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.results.evidence import Diagnosis
from harness.results.manifest import ArmRow, ReferenceRow
from harness.results.record import RunRecord


def lost_diagnoses(rows: Iterable[ArmRow], found: Mapping[str, Mapping[int, Diagnosis]]) -> list[tuple[str, int]]:
    """Row and replicate of every diagnosis that a manifest names and that was not found."""
    return [(row.name, number) for row in rows for number in row.diagnoses if number not in found.get(row.name, {})]


def lost_references(
    rows: Iterable[ReferenceRow], found: Mapping[str, Mapping[int, RunRecord]]
) -> list[tuple[str, int]]:
    """Reference row and replicate of every record that a manifest names and that was not found."""
    return [(row.name, number) for row in rows for number in row.keys if number not in found.get(row.name, {})]


def gone_text(label: str, **lost: Sequence[tuple[str, int]]) -> str:
    """The message on files of cells that are gone, with the fix; empty if none is.

    Args:
        label: what the study is called.
        lost: kind of file -> row and replicate of each that is gone.
    """
    said = [
        f"{kind} of {label} are gone or damaged, {len(cells)} in all "
        f"({'; '.join(f'{name}, replicate {number}' for name, number in cells[:3])}{'; ...' if len(cells) > 3 else ''})"
        for kind, cells in lost.items()
        if cells
    ]
    mend = "copy the folder .records next to the study's folder, too, or run the study again"
    return f"{'; '.join(said)}; {mend}" if said else ""
