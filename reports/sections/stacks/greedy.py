"""The rounds of a greedy search for a stack, and its confirmation on fresh replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.locale import Catalogue, formats
from reports.sections.report import Row, filled
from reports.sections.stacks.model import ConfirmedStack, Greedy, GreedyRound, GreedyTry, StackArm


def greedy_of(course: Mapping[str, Any], rows: Sequence[Row], decimals: int, text: Catalogue) -> Greedy:
    """Return the results of a greedy study as far as it has run."""
    stack = tuple(course["path"][-1]) if course["path"] else ()
    confirmed = _confirmed(course, rows)
    steps = course["steps"]
    rounds = [_round(number, step, course, decimals, text) for number, step in enumerate(steps, start=1)]
    threshold = course["threshold"]
    return Greedy(
        sentence=_sentence(course, stack, confirmed, decimals, text),
        notes=_notes(course, text),
        threshold=threshold["value"],
        threshold_relative=float(threshold["fraction"]),
        replicates=tuple(course["replicates"]),
        arms=tuple(
            StackArm(name=str(each["name"]), letter="", remedies=tuple(each["remedies"]))
            for each in course["candidates"]
        ),
        rounds=tuple(rounds),
        stack=stack,
        confirmed=confirmed,
    )


def _round(
    number: int, step: Mapping[str, Any], course: Mapping[str, Any], decimals: int, text: Catalogue
) -> GreedyRound:
    kind, stack = str(step["kind"]), tuple(step["stack"])
    tries = tuple(filled(GreedyTry, each, chosen=each["arm"] == step["chosen"]) for each in step["tries"])
    shown = _joined(stack) or text("stacks.greedy.nothing_yet")
    return GreedyRound(
        number=number,
        kind=kind,
        title=text(f"stacks.greedy.round.{kind}", n=number, stack=shown),
        stack=stack,
        value=float(step["value"]),
        sentence=_what_happened(kind, str(step["chosen"]), tries, course, decimals, text),
        tries=tries,
    )


def _what_happened(
    kind: str,
    chosen: str,
    tries: Sequence[GreedyTry],
    course: Mapping[str, Any],
    decimals: int,
    text: Catalogue,
) -> str:
    gained = [each for each in tries if each.gain is not None]
    if chosen:
        gain = next(each.gain for each in tries if each.arm == chosen)
        return text(f"stacks.greedy.{kind}.chosen", arm=chosen, gain=formats.signed(gain, decimals))
    if not gained:
        return text(f"stacks.greedy.{kind}.none_left")
    best = max(gained, key=lambda each: each.gain or 0.0)
    return text(
        f"stacks.greedy.{kind}.nothing",
        arm=best.arm,
        gain=formats.signed(best.gain, decimals),
        se=formats.number(best.se, decimals),
        threshold=formats.number(course["threshold"]["value"], decimals),
    )


def _confirmed(course: Mapping[str, Any], rows: Sequence[Row]) -> tuple[ConfirmedStack, ...]:
    by_name = {row.name: row for row in rows}
    names = list(course["confirmed"])
    return tuple(
        filled(
            ConfirmedStack,
            by_name[name],
            row=name,
            arms=tuple(course["confirmed"][name]),
            last=place == len(names) - 1 and not course["runner_up"],
        )
        for place, name in enumerate(names)
        if name in by_name
    )


def _sentence(
    course: Mapping[str, Any],
    stack: Sequence[str],
    confirmed: Sequence[ConfirmedStack],
    decimals: int,
    text: Catalogue,
) -> str:
    if course["ending"] == "base_failed":
        return text("stacks.greedy.base_failed")
    if not course["finished"]:
        return text("stacks.greedy.unfinished")
    if not stack:
        return text("stacks.greedy.none", runner_up=course["runner_up"] or text("list.none"))
    final = confirmed[-1]
    low, high = formats.interval(final.plain, decimals)
    parts = [text("stacks.greedy.stack", stack=_joined(stack), n=len(stack))]
    if final.effect is not None:
        parts.append(
            text(
                "stacks.greedy.confirmed",
                effect=formats.signed(final.effect, decimals),
                low=low,
                high=high,
                relative=formats.percent(final.relative),
                verdict=final.verdict_text,
            )
        )
    parts.append(text(f"stacks.greedy.ending.{course['ending']}", most=course["most"]))
    return text("list.sentences").join(parts)


def _notes(course: Mapping[str, Any], text: Catalogue) -> tuple[str, ...]:
    threshold = course["threshold"]
    n_seeds = text.count("count.seeds", len(course["replicates"]))
    notes = [
        text(
            "stacks.greedy.rule",
            metric=formats.metric_label(course["metric"]),
            n_seeds=n_seeds,
            threshold=formats.number(threshold["value"], 5),
            fraction=formats.share(float(threshold["fraction"]), 1),
        ),
        text("stacks.greedy.fresh"),
    ]
    return tuple(notes)


def _joined(arms: Sequence[str]) -> str:
    return " + ".join(arms)
