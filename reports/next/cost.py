"""Cost and minimum detectable effect of the next study, estimated from the present one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from harness.results.manifest import A_A, BACKBONE, BASE
from reports.locale import formats
from reports.next.given import Given
from reports.next.model import Proposal
from reports.next.seeds import Noise, detectable
from reports.stats.cost import median_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a proposal and its minimum detectable effect.

    Attributes:
        cells, reused: number of cells, and how many of them have a record.
        seconds: wall time of the others, including backbones if `counts_backbones`; None if unknown.
        backbones: backbones to train.
        detectable: smallest effect found with 80% power.
        noise: the arms whose noise `detectable` uses.
    """

    cells: int
    reused: int
    seconds: float | None
    backbones: int
    counts_backbones: bool
    detectable: float | None
    noise: Noise


SEEN: Mapping[Noise, str] = {
    "own": "",
    "moving": " for arms that move ranks as some of this study do",
    "few": " for arms that move few ranks, as those of this study; for others it is larger",
}
"""Noise -> the arms that the detectable effect applies to, as worded in the comment of the file."""


def size_of(given: Given, proposal: Proposal) -> Size:
    """Return the size of a proposal, from the seconds, the records and the noise of this study."""
    costs, n_cells, backbones = (_again if proposal.kind == "again" else _anew)(given, proposal)
    known = [each for each in costs if each is not None]
    workers = max(int(given.manifest.provenance.get("workers") or 1), 1)
    each_backbone = _backbone_seconds(given, workers)
    seen, noise = detectable(given, proposal)
    seconds = sum(known) / workers if len(known) == len(costs) else None
    if seconds is not None and each_backbone is not None:
        seconds += backbones * each_backbone
    return Size(
        cells=n_cells,
        reused=n_cells - len(costs),
        seconds=seconds,
        backbones=backbones,
        counts_backbones=backbones == 0 or each_backbone is not None,
        detectable=seen,
        noise=noise,
    )


Costs = list[float | None]
"""Seconds of every cell that is to run; None if unknown."""


def _again(given: Given, proposal: Proposal) -> tuple[Costs, int, int]:
    """Seconds of the cells without a result, number of all cells, and 0 backbones, because existing ones are reused."""
    frame, rows = given.section.frame, [row for row in given.manifest.rows if row.status == "run"]
    left: Costs = [
        _seconds(given, row.name) or _seconds(given, BASE)
        for row in rows
        for number in given.manifest.replicates
        if frame.cell(row.name, number) in ("failed", "missing")
    ]
    return left, len(rows) * proposal.n_seeds, 0


def _anew(given: Given, proposal: Proposal) -> tuple[Costs, int, int]:
    """As :func:`_again` for another study, whose rows may reuse records of this one."""
    frame, n_seeds = given.section.frame, proposal.n_seeds
    again = proposal.reuses and not proposal.fresh
    base = _seconds(given, BASE)
    rows = [(BASE, base), (A_A, base), *((arm.row, arm.seconds or base) for arm in proposal.arms)]
    costs: Costs = []
    for name, seconds in rows:
        done = sum(number < n_seeds for number in frame.records.get(name, {})) if again else 0
        costs += [seconds] * (n_seeds - done)
    n_cells = proposal.n_cells or len(rows) * n_seeds
    costs += [base] * max(n_cells - len(rows) * n_seeds, 0)
    return costs, n_cells, _to_train(given, proposal)


def _to_train(given: Given, proposal: Proposal) -> int:
    """How many backbones another study trains, for base and for arms that choose one; for a search, the maximum."""
    manifest, course = given.manifest, given.manifest.course
    searches = proposal.keys.get("mode") == "search"
    searched = [int(each) for each in course["replicates"]] if searches else []
    compared = manifest.replicates if searches else range(proposal.n_seeds)
    given_file = manifest.backbone == "file" and not proposal.ground.backbone_of()
    shared = manifest.backbone == "shared" or given_file
    numbers = [0] if shared else [*searched, *compared]
    stacks = [(), *(arm.stack or given.stack_of(arm.name) for arm in proposal.arms)]
    chosen = {proposal.ground.backbone_of(stack) for stack in stacks} - ({""} if given_file else set())
    wanted = {f"{number} ({text})" if text else f"{number}" for number in numbers for text in chosen}
    had = () if proposal.fresh or "protocol" in proposal.keys else manifest.provenance.get("backbones", ())
    n = len(wanted.difference(had))
    if searches:
        a_setting, confirming = (1, 0) if shared else (len(searched), len(compared))
        tuned = _tuned(given).intersection(arm.name for arm in proposal.arms)
        n += len(tuned) * (int(course["trials"]) * a_setting + confirming)
    return n


def _tuned(given: Given) -> set[str]:
    """Arms for which a search sets parameters of the backbone: each setting trains separate backbones."""
    arms = given.manifest.course["arms"]
    return {
        str(arm["name"]) for arm in arms if any(str(each["owner"]).startswith(BACKBONE) for each in arm["parameters"])
    }


def _seconds(given: Given, row: str) -> float | None:
    """Median seconds of a row's runs."""
    return median_seconds(given.section.frame.records.get(row, {}), "total")


def _backbone_seconds(given: Given, workers: int) -> float | None:
    """Seconds per backbone: the run time beyond its cells; None unless the run trained all of them."""
    run = given.manifest.provenance
    backbones, whole = run.get("backbones"), run.get("seconds")
    if not isinstance(backbones, Mapping) or not backbones or not whole or run.get("n_reused") or given.fresh:
        return None  # in modes search and greedy, most cells do not belong to rows
    records = given.section.frame.records
    cells = sum(record.seconds.get("total", 0.0) for found in records.values() for record in found.values())
    left = float(whole) - cells / workers
    return left / len(set(cast("Mapping[str, str]", backbones).values())) if left > 0.0 else None


def cost_comment(size: Size, given: Given) -> str:
    """The cost, as a comment in the study file."""
    n = size.cells - size.reused
    cells = f"{size.cells} cells, {n} to run"
    cells += f" ({size.reused} are records of this study, if the code is the same)" if size.reused else ""
    backbones = f" and {size.backbones} backbone{'s' * (size.backbones > 1)} to train" if size.backbones else ""
    time = "time unknown" if size.seconds is None else f"about {formats.seconds(size.seconds)}"
    without = "" if size.counts_backbones else " without the backbones"
    workers = int(given.manifest.provenance.get("workers") or 1)
    return f"Cost: {cells}{backbones}; {time}{without} on {workers} worker{'s' * (workers > 1)}, judged by this study."


def sight_comment(size: Size, given: Given) -> str:
    """The minimum detectable effect, as a comment in the study file."""
    metric, base = given.section.metric, given.section.analysis.base_mean
    if size.detectable is None or not base:
        return f"Minimum detectable effect on {metric}: unknown; no arm with two seeds tells of the noise."
    return (
        f"Minimum detectable effect on {metric} at 80% power: {size.detectable:.5f} ({size.detectable / base:.1%} of "
        f"base){SEEN[size.noise]}, judged by this study's noise."
    )


def in_words(size: Size, base: float | None, given: Given) -> str:
    """Cost and minimum detectable effect in the language of the report."""
    text = given.text

    def parts() -> Iterator[str]:
        yield text("next.cells", n=size.cells, left=size.cells - size.reused)
        if size.seconds is not None:
            key = "next.time" if size.counts_backbones else "next.time_without"
            yield text(key, time=formats.seconds(size.seconds))
        if size.detectable is not None and base:
            seen = formats.number(size.detectable, given.section.decimals)
            yield text(
                f"next.sees_{size.noise}",
                effect=seen,
                metric=given.section.metric,
                share=formats.share(size.detectable / base, 1),
            )

    return text("list.sentences").join(parts())
