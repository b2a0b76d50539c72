"""The next study of a study: the first rule that proposes one, and the study file with its cost and what it sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from harness.results.manifest import A_A, BASE
from harness.study.stacking import file_text, written
from reports.locale import Catalogue, formats
from reports.next.catalogue import NEXT_RULES
from reports.next.given import Given, given_of
from reports.next.model import NextStudy, Proposal, Reason
from reports.next.naming import next_name
from reports.next.rule import NextRule
from reports.next.rules.untried import TryPredictedGains
from reports.next.seeds import detectable
from reports.sections.base import SectionInput
from reports.stats.cost import median_seconds

OF_MODES = ("mode", "search", "factorial", "greedy")
"""Keys that only the mode of the earlier study reads."""


def next_of(section: SectionInput) -> NextStudy | None:
    """What to try next; None where the folder does not hold the study file, as in a table of ranks."""
    given = given_of(section)
    if given is None:
        return None
    rule, proposal = _first(given)
    if rule is None or proposal is None:
        return NextStudy(rule="", sentence=given.text("next.none"))
    return _study(given, rule, proposal)


def _first(given: Given) -> tuple[NextRule | None, Proposal | None]:
    """The first rule that proposes something, and what it proposes."""
    for rule in NEXT_RULES:
        proposal = rule.propose(given)
        if proposal is not None:
            return rule, proposal
    return None, None


def next_sentence(section: SectionInput) -> str:
    """What to try next, in a sentence; empty where the folder does not hold the study file."""
    found = next_of(section)
    return found.sentence if found else ""


def adopt_for_now(adopt: str, section: SectionInput) -> str:
    """What to adopt, and that a gain is predicted which has not been tried, where one is.

    Args:
        adopt: what the verdicts alone say, such as to keep base.
    """
    given = given_of(section)
    rule, found = (None, None) if given is None else _first(given)
    if found is None or found.gain is None or not isinstance(rule, TryPredictedGains):
        return adopt
    said = section.text("next.adopt", gain=formats.signed(found.gain, 4))
    return section.text("list.sentences").join([adopt, said])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How large a proposal is, and what it would see."""

    cells: int
    reused: int
    seconds: float | None
    backbones: int
    counts_backbones: bool
    detectable: float | None


def _study(given: Given, rule: NextRule, proposal: Proposal) -> NextStudy:
    text = given.text
    rules = (
        Reason(
            name=rule.name,
            title=_said(text, rule, "title"),
            because=proposal.because,
            expects=_said(text, rule, "expects"),
            page=f"next/{rule.name}.md",
        ),
        *proposal.reasons,
    )
    gain = "" if proposal.gain is None else text("next.gain", gain=formats.signed(proposal.gain, 4))
    sentence = text("next.sentence", does=proposal.does, gain=gain)
    if proposal.kind == "done":
        return NextStudy(rule=rule.name, sentence=sentence, rules=rules, dropped=proposal.dropped)
    size = _size(given, proposal)
    name = next_name(_root(given), proposal.kind)
    base = given.section.analysis.base_mean
    comments = [
        f"Written by ftr-study next from {given.manifest.name}; rule: {rule.name}"
        + (f" ({', '.join(each.name for each in proposal.reasons)})" if proposal.reasons else ""),
        _cost(size, given),
        _sight(size, given),
    ]
    return NextStudy(
        rule=rule.name,
        sentence=sentence,
        name=name,
        rules=rules,
        dropped=proposal.dropped,
        file=file_text(_keys(given, rule, proposal, name), comments),
        command=f"ftr-study next runs/{given.section.frame.folder or given.manifest.name} | ftr-study run -",
        cells=size.cells,
        reused=size.reused,
        seconds=size.seconds,
        detectable=size.detectable,
        detectable_share=size.detectable / base if size.detectable is not None and base else None,
        gain=proposal.gain,
        size=_in_words(size, base, given),
    )


def _said(text: Catalogue, rule: NextRule, what: str) -> str:
    """A rule's own text in the language of the report; English stands beside the rule."""
    key = f"next.rule.{rule.name}.{what}"
    return text(key) if text.has(key) else str(getattr(rule, what))


def _root(given: Given) -> str:
    """The study's name in its file, and what the command line changed, so that the two are told apart."""
    changed = dict(given.manifest.file.get("overrides") or {})
    if not any(row.arm not in (BASE, A_A) for row in given.manifest.rows):
        changed.pop("replicates", None)  # a diagnosis sets them of its own accord
    own = str(given.ground.keys.get("name") or given.manifest.name)
    return own + "".join(f"_{option}{value}" for option, value in sorted(changed.items()))


def _keys(given: Given, rule: NextRule, proposal: Proposal, name: str) -> dict[str, object]:
    """The keys of the study file, in the order that people write them."""
    own = {**proposal.ground.keys, **proposal.keys, "name": name}
    if proposal.kind == "again":
        return own
    if "mode" not in proposal.keys:
        own = {key: value for key, value in own.items() if key not in OF_MODES}
    if "arms" not in proposal.keys:
        arms = {arm.name: [written(each) for each in arm.stack] for arm in proposal.arms}
        own["arms"] = {arm: stack[0] if len(stack) == 1 else stack for arm, stack in arms.items()}
    if "replicates" not in proposal.keys:
        own["replicates"] = proposal.n_seeds
    diagnostics = own.get("diagnostics")
    if isinstance(diagnostics, dict):
        own["diagnostics"] = {key: each for key, each in cast("dict[str, Any]", diagnostics).items() if key != "arms"}
    own["question"] = given_question(rule, given)
    own["follows"] = _follows(given, proposal)
    first = ("name", "question", "data", "base", "arms", "mode", "replicates", "seed")
    return {key: own[key] for key in (*first, *own) if key in own}


def given_question(rule: NextRule, given: Given) -> str:
    """The question of the next study, in English as the file is."""
    return f"{rule.title} (after {given.manifest.name})"


def _follows(given: Given, proposal: Proposal) -> dict[str, object]:
    expects: dict[str, object] = {}
    for arm in proposal.arms:
        if arm.expects is not None:
            gain = {} if arm.gain is None else {"gain": float(f"{arm.gain:.4g}"), "metric": arm.metric}
            expects[arm.name] = {"rule": arm.rule, "verdict": arm.expects, **gain}
    return {"study": given.manifest.name, **({"expects": expects} if expects else {})}


def _size(given: Given, proposal: Proposal) -> _Size:
    frame, manifest = given.section.frame, given.manifest
    base = median_seconds(frame.records.get(BASE, {}), "total")
    if proposal.kind == "again":
        left = [
            median_seconds(frame.records.get(row.name, {}), "total") or base
            for row in manifest.rows
            for number in manifest.replicates
            if frame.cell(row.name, number) in ("failed", "missing")
        ]
        n_cells = sum(row.status == "run" for row in manifest.rows) * len(manifest.replicates)
        costs, reused, backbones = left, n_cells - len(left), 0
    else:
        seeds = proposal.n_seeds
        n_cells = proposal.n_cells or (2 + len(proposal.arms)) * seeds
        own = not proposal.fresh and proposal.reuses
        done = [len(frame.replicates(name)) for name in (BASE, A_A) if name in frame.records]
        kept = [min(each, seeds) for each in done] if own else []
        kept += [min(len(frame.replicates(arm.row)), seeds) for arm in proposal.arms if own and arm.row]
        reused = sum(kept)
        costs: list[float | None] = [base] * (2 * seeds - (sum(kept[: len(done)]) if own else 0))
        for arm in proposal.arms:
            before = min(len(frame.replicates(arm.row)), seeds) if own and arm.row else 0
            costs += [arm.seconds or base] * (seeds - before)
        costs += [base] * max(n_cells - (2 + len(proposal.arms)) * seeds, 0)
        had = 0 if proposal.fresh or "protocol" in proposal.keys else given.n_seeds
        backbones = max(seeds - had, 0) if manifest.backbone == "per_seed" else int(proposal.fresh)
        backbones = 0 if manifest.backbone == "file" else backbones
    known = [each for each in costs if each is not None]
    workers = max(int(manifest.provenance.get("workers") or 1), 1)
    each_backbone = _backbone_seconds(given, workers)
    seconds = sum(known) / workers if len(known) == len(costs) else None
    counts = backbones == 0 or each_backbone is not None
    if seconds is not None and each_backbone is not None:
        seconds += backbones * each_backbone
    return _Size(
        cells=n_cells,
        reused=reused,
        seconds=seconds,
        backbones=backbones,
        counts_backbones=counts,
        detectable=detectable(given, n_arms=len(proposal.arms) or len(given.arms), n_seeds=proposal.n_seeds),
    )


def _backbone_seconds(given: Given, workers: int) -> float | None:
    """Seconds of a backbone: what the run took beyond its cells, where it trained all of them; else None."""
    run = given.manifest.provenance
    backbones, whole = run.get("backbones"), run.get("seconds")
    if not isinstance(backbones, Mapping) or not backbones or not whole or run.get("n_reused"):
        return None
    records = given.section.frame.records
    cells = sum(record.seconds.get("total", 0.0) for found in records.values() for record in found.values())
    left = float(whole) - cells / workers
    return left / len(backbones) if left > 0.0 else None


def _cost(size: _Size, given: Given) -> str:
    """The cost, as a comment of the file."""
    n = size.cells - size.reused
    cells = f"{size.cells} cells, {n} to run"
    cells += f" ({size.reused} are records of this study, if the code is the same)" if size.reused else ""
    backbones = f" and {size.backbones} backbone{'s' * (size.backbones > 1)} to train" if size.backbones else ""
    time = "time unknown" if size.seconds is None else f"about {formats.seconds(size.seconds)}"
    without = "" if size.counts_backbones else " without the backbones"
    workers = int(given.manifest.provenance.get("workers") or 1)
    return f"Cost: {cells}{backbones}; {time}{without} on {workers} worker{'s' * (workers > 1)}, judged by this study."


def _sight(size: _Size, given: Given) -> str:
    """The effect that the study sees, as a comment of the file."""
    metric, base = given.section.metric, given.section.analysis.base_mean
    if size.detectable is None or not base:
        return f"Minimum detectable effect on {metric}: unknown; no arm with two seeds tells of the noise."
    return (
        f"Minimum detectable effect on {metric} at 80% power: {size.detectable:.5f} ({size.detectable / base:.1%} of "
        "base), judged by this study's noise."
    )


def _in_words(size: _Size, base: float | None, given: Given) -> str:
    """Cost and sight in the language of the report."""
    text = given.text

    def parts() -> Iterator[str]:
        yield text("next.cells", n=size.cells, left=size.cells - size.reused)
        if size.seconds is not None:
            key = "next.time" if size.counts_backbones else "next.time_without"
            yield text(key, time=formats.seconds(size.seconds))
        if size.detectable is not None and base:
            seen = formats.number(size.detectable, given.section.decimals)
            yield text(
                "next.sees", effect=seen, metric=given.section.metric, share=formats.share(size.detectable / base, 1)
            )

    return text("list.sentences").join(parts())
