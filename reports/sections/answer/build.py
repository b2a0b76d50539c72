"""The answer in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE
from reports.locale import Catalogue, formats
from reports.sections.answer.beside import beside_sentences
from reports.sections.evidence.measured import Evidence
from reports.sections.report import Row
from reports.stats.analysis import Analysis
from reports.stats.cost import paired_seconds

BARGAIN = 0.5
"""A cheaper arm is named if it has at least this share of the best arm's effect and at most this share of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a study's question in sentences.

    Attributes:
        code: ``helped``, ``guarded`` (better, but a guard falls), ``negligible``, ``nothing``, ``partial``,
            ``one_seed``, ``two_seeds``, ``base_only`` or ``unfinished``.
        arm: the row that the sentence is about; empty where there is none.
        cause: the main cause by the evidence where nothing helped; empty where the evidence has none.
        base: base's mean of the primary metric.
        paragraph: text for a paper; empty where the study does not compare anything yet.
    """

    code: str
    arm: str
    sentence: str
    support: str
    adopt: str
    cost: str
    base: float | None
    cause: str = ""
    paragraph: str = ""


def headline(analysis: Analysis, rows: Sequence[Row]) -> tuple[str, Row | None]:
    """Return the code of the answer and the row that it is about."""
    arms = [row for row in rows if row.name in analysis.verdicts]
    if analysis.base_mean is not None and all(row.name in (BASE, A_A) for row in analysis.frame.manifest.rows):
        return "base_only", None
    if analysis.base_mean is None or not (arms or analysis.unchanged):
        return "unfinished", None
    first = next((row for row in arms if (row.effect or 0.0) > 0.0), None)
    if not analysis.progress.complete:
        return "partial", first
    if analysis.one_seed:
        return "one_seed", first
    if analysis.two_seeds:
        return "two_seeds", first
    if worthwhile := _worthwhile(arms):
        return "helped", worthwhile[0]
    better = [row for row in arms if row.verdict == "better"]
    if guarded := next((row for row in better if row.fell and not row.negligible), None):
        return "guarded", guarded
    return ("negligible", better[0]) if better else ("nothing", None)


def _worthwhile(arms: Sequence[Row]) -> list[Row]:
    return [row for row in arms if row.verdict == "better" and not row.negligible and not row.fell]


def answer_of(analysis: Analysis, rows: Sequence[Row], decimals: int, text: Catalogue) -> Answer:
    """Return the study's answer: the best arm where one is better, else that nothing helped."""
    arms = [row for row in rows if row.name in analysis.verdicts]
    worthwhile = _worthwhile(arms)
    base = analysis.base_mean
    base_row = next((row for row in rows if row.name == BASE), None)
    code, best = headline(analysis, rows)
    # An arm of one seed has no adjusted interval, however high its estimate is.
    shown = best or next(iter([row for row in arms if row.adjusted is not None] or arms), None)
    values = {
        "metric": formats.metric_label(analysis.primary),
        "base": formats.number(base, decimals),
        "sesoi": formats.number(analysis.sesoi, decimals),
        "sesoi_relative": formats.share(analysis.frame.manifest.sesoi, 1),
        "n_users": f"{analysis.frame.n_users:,}",
        "n_arms": len(arms) + len(analysis.unchanged),
        "n_open": sum(row.verdict in ("inconclusive", "one_seed", "two_seeds") for row in arms),
        "detectable": formats.number(analysis.detectable_all, decimals),
        "counts": _counts(rows, text),
        "n_finished": analysis.progress.finished,
        "n_planned": analysis.progress.planned,
        "n_set_aside": sum(row.verdict == "set_aside" for row in arms),
    }
    if base_row is not None and base_row.gain is not None:
        low, high = formats.interval((base_row.gain.low, base_row.gain.high), decimals)
        values |= {"gain": formats.signed(base_row.gain.effect, decimals), "gain_low": low, "gain_high": high}
    if shown is not None and base is not None:
        # Base's mean over the seeds that both rows have, so that the figures of one sentence are consistent.
        paired = analysis.effects[shown.name].reference
        if best is not None:
            values["base"] = formats.number(paired, decimals)
        low, high = formats.interval(shown.adjusted, decimals)
        values |= {
            "arm": shown.name,
            "effect": formats.signed(shown.effect, decimals),
            "size": formats.number(shown.effect, decimals),
            "relative": formats.percent(shown.relative),
            "level": formats.number(paired + (shown.effect or 0.0), decimals),
            "low": low,
            "high": high,
            "p_worthwhile": formats.chance(shown.p_worthwhile),
            "n_seeds": text.count("count.seeds", shown.n_seeds),
            "others": text("list.comma").join(row.name for row in _tied(worthwhile)),
            "guards": text("list.comma").join(formats.metric_label(each) for each in shown.fell),
        }
    return Answer(
        code=code,
        arm=best.name if best else "",
        sentence=text(_sentence_key(code, best, arms, analysis), **values),
        support=_support(code, shown, arms, analysis, values, decimals, text),
        adopt=text("list.sentences").join(_adopt(code, best, worthwhile, values, text)),
        cost=_cost(best if code in ("helped", "guarded", "negligible") else None, rows, analysis.frame, text),
        base=base,
    )


def cause_of(answer: Answer, evidence: Evidence, text: Catalogue) -> str:
    """Return the gravest issue of base where nothing helped; empty unless its severity is high."""
    if answer.code not in ("nothing", "negligible", "base_only") or not evidence.measured:
        return ""
    for issue in evidence.obstacles(most=1):
        if issue.severity == "high":
            return text("answer.cause", code=issue.code, title=issue.title, detected=issue.detected)
    return ""


def _sentence_key(code: str, best: Row | None, arms: Sequence[Row], analysis: Analysis) -> str:
    if code in ("partial", "one_seed", "two_seeds"):
        return f"answer.{code}" if best else f"answer.{code}_none"
    if code == "nothing" and not arms:
        return "answer.nothing_dead"
    if code == "nothing" and not analysis.unchanged and all(row.verdict == "equivalent" for row in arms):
        return "answer.nothing_all_equal"
    if code == "nothing" and any(row.verdict in ("inconclusive", "set_aside") for row in arms):
        return "answer.nothing_open"
    return f"answer.{code}"


def _support(
    code: str,
    shown: Row | None,
    rows: Sequence[Row],
    analysis: Analysis,
    values: dict[str, object],
    decimals: int,
    text: Catalogue,
) -> str:
    so_far = [] if analysis.progress.complete else [text("answer.support_so_far", **values)]
    if code in ("partial", "one_seed"):
        return text(f"answer.support_{code}")
    if code == "unfinished":
        return text("list.sentences").join([*so_far, text("answer.support_unfinished")])
    if code == "base_only":
        gain = [text("answer.support_base_only", **values)] if "gain" in values else []
        own = beside_sentences(next((row for row in rows if row.name == BASE), None), rows, analysis, decimals, text)
        return text("list.sentences").join([*so_far, *gain, *own])
    parts: list[str] = []
    if shown is not None and shown.without_valid_targets is not None:
        without = shown.without_valid_targets
        low, high = formats.interval((without.low, without.high), decimals)
        effect = formats.signed(without.effect, decimals)
        parts.append(text("answer.support_valid_targets", without=effect, low=low, high=high))
    parts += beside_sentences(shown, rows, analysis, decimals, text)
    if code in ("helped", "guarded"):
        # The chance of being best also counts higher-ranked arms that cannot be named, so it is not reported here.
        barred = [row for row in rows if row.fell or row.verdict == "set_aside"]
        above = any(row.rank is not None and row.rank < ((shown and shown.rank) or 0) for row in barred)
        said = text("answer.support_interval" if above else "answer.support_helped", **values)
        parts = [said, *parts, str(values["counts"])]
        return text("list.sentences").join(parts)
    if shown is None:
        return ""
    key = "best_of_several" if any(row.verdict == "one_seed" for row in rows) else "best"
    counts = text("answer.support_two_seeds") if code == "two_seeds" else str(values["counts"])
    parts = [text(f"answer.support_{key}", **values), counts, *parts]
    if analysis.detectable_all is not None:
        blind = analysis.base_mean is not None and analysis.detectable_all > analysis.base_mean
        parts.append(text("answer.support_blind" if blind else "answer.support_detectable", **values))
    return text("list.sentences").join(parts)


def _adopt(
    code: str, best: Row | None, worthwhile: Sequence[Row], values: dict[str, object], text: Catalogue
) -> Iterator[str]:
    yield text(_adopt_key(code, worthwhile, values), **values)
    if code == "helped" and best is not None and best.fitted_on_validation:
        yield text("answer.adopt.fitted", arm=best.name)


def _adopt_key(code: str, worthwhile: Sequence[Row], values: dict[str, object]) -> str:
    if code == "helped" and _tied(worthwhile):
        return "answer.adopt.helped_tied"
    if code == "nothing" and values["n_open"]:
        return "answer.adopt.nothing_open"
    if code == "nothing" and values["n_set_aside"]:
        return "answer.adopt.nothing_set_aside"
    return f"answer.adopt.{code}"


def _tied(worthwhile: Sequence[Row]) -> list[Row]:
    """Return the other better arms whose rank interval includes the first place."""
    return [row for row in worthwhile[1:] if row.rank_low == 1]


def _counts(rows: Sequence[Row], text: Catalogue) -> str:
    counts = counted_verdicts(rows, text)
    return text("answer.support_counts", counts=counts) if counts else ""


def counted_verdicts(rows: Sequence[Row], text: Catalogue) -> str:
    """Return the number of arms per verdict in words; aliases are left out."""
    codes = Counter(row.verdict for row in rows if row.kind == "arm" and not row.alias)
    names = ("better", "worse", "equivalent", "inconclusive", "set_aside", "one_seed", "two_seeds", "no_effect")
    return text("list.comma").join(
        text("answer.support_count", n=codes[name], verdict=text(f"verdict.{name}")) for name in names if codes[name]
    )


def _cost(best: Row | None, rows: Sequence[Row], frame: Frame, text: Catalogue) -> str:
    base = next((row.seconds for row in rows if row.kind == "base"), None)
    if base is None:
        return text("answer.cost.unknown")
    own, paired = (None, None) if best is None else paired_seconds(frame, best.name)
    if best is None or own is None or not paired:
        return text("answer.cost.base", base=formats.seconds(base))
    more = own / paired - 1.0
    key = "same" if abs(more) < 0.02 else "more" if more > 0.0 else "less"
    parts = [
        text(
            f"answer.cost.{key}",
            seconds=formats.seconds(own),
            base=formats.seconds(paired),
            ratio=formats.share(abs(more)),
        )
    ]
    of_base = next((row.query_ms for row in rows if row.kind == "base"), None)
    if best.query_ms is not None and of_base is not None:
        own_ms, base_ms = formats.milliseconds(best.query_ms), formats.milliseconds(of_base)
        parts.append(text("answer.cost.query", own=own_ms, base=base_ms))
    return text("list.sentences").join([*parts, *_bargain(best, rows, text)])


def _bargain(best: Row, rows: Sequence[Row], text: Catalogue) -> Iterator[str]:
    """Yield a sentence on the cheap better arm with the highest effect, see :data:`BARGAIN`.

    Only arms with the same seeds as the best one count, because seeds differ.
    """
    offers = [
        (row.effect / best.effect, row.seconds, row.name)
        for row in rows
        if row.verdict == "better" and not row.negligible and not row.alias and not row.fell
        if row.seed_effects.keys() == best.seed_effects.keys()
        if row.effect and best.effect and row.seconds is not None and best.seconds is not None
        if row.effect >= BARGAIN * best.effect and row.seconds <= BARGAIN * best.seconds
    ]
    if offers:
        share, seconds, name = max(offers, key=lambda offer: (offer[0], -offer[1]))
        yield text(
            "answer.cost.bargain",
            arm=name,
            best=best.name,
            share=formats.share(share),
            seconds=formats.seconds(seconds),
        )
