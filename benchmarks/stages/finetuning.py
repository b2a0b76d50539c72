"""Stages of fine-tuning: the epoch and the neighbour search.  One thread each, as for a study's cells."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import Measured
from benchmarks.stages.base import Setting, Sides, Timed, at_least
from benchmarks.turns import Side

SETS = ("ml-100k", "beauty")
STEPS = 5

PLAIN_NOTE = (
    "Neighbour search and upkeep of the memory are left out of both. The peer is this repository's own "
    "(`benchmarks/peers/plain_finetuning.py`): it encodes 1024 padded prefixes anew each step and computes every term; "
    "it ran a sample of its steps, scaled up to the epoch. The backbone is trained briefly."
)


def epochs(recipe: str) -> Sides:
    """The product's epoch with a recipe, and some steps of the plain implementation."""

    def sides(setting: Setting, data: str) -> tuple[Side, ...]:
        options = {**setting.with_backbone(data), "recipe": recipe}
        return (
            Side(name="product's epoch", function="finetuning:product_epoch", options=options),
            Side(name="plain epoch", function="finetuning:plain_epoch", options={**options, "steps": STEPS}),
        )

    return sides


def unfrozen(setting: Setting, data: str) -> tuple[Side, ...]:
    """An epoch with two blocks unfrozen, and a pretraining epoch with the contrastive term."""
    options = {**setting.with_backbone(data), "recipe": "unfrozen"}
    return (
        Side(name="two blocks unfrozen", function="finetuning:product_epoch", options=options),
        Side(
            name="pretraining epoch",
            function="pretraining:packed_epoch",
            options={**setting.options(data), "contrastive": True},
        ),
    )


PLAIN_FAISS = ("plain_faiss", "FAISS, IVF128, nprobe 10")
EXACT_FAISS = ("exact_faiss", "FAISS, Flat")


def searches(function: str, name: str, memory: str, peer: tuple[str, str] = PLAIN_FAISS) -> Sides:
    """One of the product's searches and one of FAISS's own, each given by its function and name."""

    def sides(setting: Setting, data: str) -> tuple[Side, ...]:
        options = {**setting.with_backbone(data), "memory": memory}
        return tuple(
            Side(name=each, function=f"searching:{side}", options=options) for side, each in ((function, name), peer)
        )

    return sides


def of_exact(subject: Measured, peer: Measured | None) -> str:
    """A note on the number of queries in the sample, and on FAISS's share of the exact hits."""
    assert peer is not None
    own, other = subject.figures, peer.figures
    return (
        f"{own['queries']:.0f} queries, every sixteenth batch of an epoch, {own['keys']:.0f} keys. FAISS finds "
        f"{other['recall@20']:.5f} of the hits: it does not order keys of equal score. "
        "The backbone is trained briefly."
    )


def of_recall(subject: Measured, peer: Measured | None) -> str:
    """A note on the recall of both sides."""
    assert peer is not None
    own, other = subject.figures, peer.figures
    equal = "equal or better" if own["recall@20"] >= other["recall@20"] else "WORSE"
    return (
        f"{own['queries']:.0f} queries, {own['keys']:.0f} keys. "
        f"Recall@20 against exact search: {own['recall@20']:.3f}, peer {other['recall@20']:.3f}, {equal}. "
        f"Fastest setting with that recall: {subject.facts['setting']}; built in {own['build_s']:.1f} s, not counted. "
        "The backbone is trained briefly."
    )


def of_hits(subject: Measured, peer: Measured | None) -> str:
    """A note on whether all hits are identical."""
    assert peer is not None
    same = "the same to the last bit" if subject.facts["hits"] == peer.facts["hits"] else "NOT THE SAME"
    return f"Hits and scores of {subject.figures['queries']:.0f} queries are {same}."


def at_equal_recall(subject: Measured, peer: Measured | None) -> tuple[float, ...]:
    """The peer's time divided by the subject's; 0 if the peer's recall is better."""
    assert peer is not None
    if subject.figures["recall@20"] < peer.figures["recall@20"]:
        return tuple(0.0 for _ in subject.seconds)
    return tuple(other / own for own, other in zip(subject.seconds, peer.seconds, strict=True))


SEARCH = Timed(
    name="search",
    what="search for every training prefix among all of them, at equal or better recall, against IVF128, nprobe 10",
    sides=searches("fastest", "fastest setting", "every"),
    data=SETS,
    goals=dict.fromkeys(SETS, at_least(1.7)),
    values=at_equal_recall,
    note=of_recall,
    warm_up=False,
    threads=1,
)

STAGES = (
    Timed(
        name="fine-tuning",
        what="fine-tuning epoch, full softmax, against a plain per-prefix implementation",
        sides=epochs("attention"),
        data=SETS,
        goals={"ml-100k": at_least(30), "beauty": at_least(15)},
        note=lambda subject, peer: f"Recipe: base + `wiring.retriever_attention`. {PLAIN_NOTE}",
        threads=1,
    ),
    Timed(
        name="fine-tuning-as-found",
        what="the same as found, where the KL term alone has a gradient",
        sides=epochs("found"),
        data=SETS,
        goals=dict.fromkeys(SETS, at_least(40)),
        note=lambda subject, peer: PLAIN_NOTE,
        threads=1,
    ),
    Timed(
        name="unfrozen",
        what="fine-tuning epoch with two blocks unfrozen, against a pretraining epoch with the contrastive term",
        sides=unfrozen,
        data=("beauty",),
        note=lambda subject, peer: "Neighbour search, re-encoding and upkeep of the memory are left out.",
        threads=1,
    ),
    SEARCH,
    replace(
        SEARCH,
        name="search-in-a-run",
        what="the same in the memory of a run as found, which admits fewer entries",
        sides=searches("fastest", "fastest setting", "run"),
    ),
    Timed(
        name="exact-search",
        what="exact search among every training prefix, against FAISS's",
        sides=searches("exact", "one product a batch", "every", EXACT_FAISS),
        data=SETS,
        note=of_exact,
        warm_up=False,
        threads=1,
    ),
    Timed(
        name="search-as-found",
        what="the same with the index as found, against FAISS's own search of it",
        sides=searches("as_found", "list by list", "run"),
        data=SETS,
        note=of_hits,
        warm_up=False,
        threads=1,
    ),
)
