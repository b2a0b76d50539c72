"""Stages of the backbone: pretraining, encoding, memory, quality."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.peers.bridge import DATASET
from benchmarks.peers.environment import NoEnvironmentError, peers_folder, recbole_python
from benchmarks.results import Goal, Measured, Row
from benchmarks.stages.base import LIMIT_S, Setting, Timed, at_least, at_most, filled, measured
from benchmarks.turns import ROOT, CannotRunError, Side, in_turns
from harness.backbones.registry import DEFAULT

SETS = ("ml-100k", "beauty")
RECBOLE_STEPS = 4
PLAIN_STEPS = 3
BATCHES = 8


def packed(setting: Setting, data: str, *, contrastive: bool) -> Side:
    """The product's epoch."""
    return Side(
        name="packed epoch",
        function="pretraining:packed_epoch",
        options={**setting.options(data), "contrastive": contrastive},
        threads=setting.threads,
    )


def plain_duorec(setting: Setting, data: str) -> Side:
    """The plain implementation's epoch, with all three passes."""
    return Side(
        name="plain DuoRec",
        function="pretraining:plain_epoch",
        options={**setting.options(data), "contrastive": True, "steps": PLAIN_STEPS},
        threads=setting.threads,
    )


def against_recbole(setting: Setting, data: str) -> tuple[Side, ...]:
    """The packed epoch, and some steps of RecBole's SASRec on the same interactions."""
    folder = setting.scratch / "recbole" / data
    write = Side(
        name="atomic file",
        function="pretraining:atomic_file",
        options={**setting.options(data), "folder": str(folder)},
    )
    in_turns([write], rounds=1, limit_s=LIMIT_S, warm_up=False)
    try:
        python = recbole_python(peers_folder(setting.peers))
    except NoEnvironmentError as problem:
        raise CannotRunError(str(problem)) from problem
    recbole = Side(
        name="RecBole 1.2.1 SASRec",
        function=str(ROOT / "benchmarks" / "peers" / "recbole_sasrec.py"),
        python=str(python),
        options={"folder": str(folder), "dataset": DATASET, "model": recbole_model(), "steps": RECBOLE_STEPS},
        threads=setting.threads,
    )
    return packed(setting, data, contrastive=False), recbole


def recbole_model() -> dict[str, object]:
    """RecBole's settings for the same model and batches as the product's backbone."""
    return {
        "hidden_size": DEFAULT.hidden_size,
        "inner_size": DEFAULT.inner_size,
        "n_layers": DEFAULT.n_layers,
        "n_heads": DEFAULT.n_heads,
        "hidden_dropout_prob": DEFAULT.dropout,
        "attn_dropout_prob": DEFAULT.dropout,
        "MAX_ITEM_LIST_LENGTH": DEFAULT.max_length,
        "learning_rate": DEFAULT.learning_rate,
        "train_batch_size": 1024,
    }


def against_plain_duorec(setting: Setting, data: str) -> tuple[Side, ...]:
    """The packed epoch with the contrastive term, and some steps of the plain implementation."""
    return packed(setting, data, contrastive=True), plain_duorec(setting, data)


def encode_and_index(setting: Setting, data: str) -> tuple[Side, ...]:
    """Encoding of every prefix and the index over the training prefixes, by both sides."""
    options = setting.with_backbone(data)
    return (
        Side(
            name="packed",
            function="encoding:product_encode_and_index",
            options=options,
            threads=setting.threads,
        ),
        Side(
            name="a padded row a prefix",
            function="encoding:plain_encode_and_index",
            options={**options, "steps": BATCHES},
            threads=setting.threads,
        ),
    )


def long_histories(setting: Setting, data: str) -> tuple[Side, ...]:
    """Exact encoding of prefixes over ``max_length``, and the same with every block computed in full."""
    options = setting.with_backbone(data)
    return (
        Side(name="last place only", function="encoding:long_histories", options=options, threads=setting.threads),
        Side(
            name="every place",
            function="encoding:long_histories_in_full",
            options=options,
            threads=setting.threads,
        ),
    )


def of_long_histories(subject: Measured, peer: Measured | None) -> str:
    """A note on the limit set by the matrix products alone."""
    found = subject.figures
    bare = found["bare_products_s"]
    return (
        f"{found['prefixes']:.0f} prefixes, {found['gflop']:.0f} GFLOP of products, which at the measured peak of "
        f"{found['peak_gflop_s']:.0f} GFLOP/s take {bare:.2f} s alone: the product can become at most "
        f"{subject.median_s / bare:.1f} x as fast."
    )


def of_sample(text: str) -> str:
    """A note for peers that ran only a sample."""
    return f"The peer ran a sample of its steps, scaled up to the epoch. {text}".strip()


class Memory:
    """A stage that measures peak memory of training and of evaluation, each in its own process."""

    name = "memory"
    long = False
    rounds = 1
    warm_up = False
    limit_s = LIMIT_S
    goal: Goal = at_most(1.5)

    def run(self, setting: Setting) -> tuple[Row, ...]:
        return tuple(self._row(setting, what, function) for what, function in self.parts.items())

    parts: Mapping[str, str] = {
        "peak memory, pretraining": "finetuning:both_pretraining_epochs",
        "peak memory, fine-tuning and evaluation": "finetuning:epoch_and_evaluation",
        "peak memory, a run with overlap neighbours and a learned mixture": "overlapping:cell",
    }

    def _row(self, setting: Setting, what: str, function: str) -> Row:
        row = Row(stage=self.name, what=what, data="beauty", unit="GB", goal=self.goal, threads=setting.threads)

        def sides() -> tuple[Side, ...]:
            pretraining = function == "finetuning:both_pretraining_epochs"
            options = setting.options("beauty") if pretraining else setting.with_backbone("beauty")
            subject = Side(name="product", function=function, options=options, threads=setting.threads)
            return (subject, plain_duorec(setting, "beauty")) if pretraining else (subject,)

        found = measured(row, setting, sides, self)
        if isinstance(found, Row):
            return found
        subject, *others = found
        return filled(
            row,
            (subject.peak_memory_mb / 1000,),
            subject=subject,
            peer=others[0] if others else None,
            note="Largest resident size of a process that does nothing else.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A stage that measures quality and duration of the whole pretraining of the Beauty backbone."""

    name: str = "quality"
    long: bool = True
    rounds: int = 2
    warm_up: bool = False
    limit_s: float = 3600.0

    def run(self, setting: Setting) -> tuple[Row, ...]:
        first = Row(
            stage=self.name, what="backbone: minutes of pretraining", data="beauty", unit="min", goal=at_most(8.0)
        )
        first = replace(first, threads=setting.threads)
        side = Side(
            name="pretraining",
            function="pretraining:trained_backbone",
            options={
                **setting.options("beauty"),
                "folder": str(setting.scratch / "backbones"),
                "threads": setting.threads,
            },
            threads=setting.threads,
        )
        rows = [first]
        for metric, goal in (("recall@10", 0.082), ("ndcg@10", 0.0418)):
            rows.append(replace(first, what=f"backbone: {metric} on test, mean of seeds", unit="", goal=at_least(goal)))
        found = measured(first, setting, lambda: (side,), self)
        if isinstance(found, Row):
            return tuple(row.failed(found.problem) for row in rows)
        (subject,) = found
        note = f"{len(subject.seconds)} seeds, one after the other; median and range are over the seeds."
        minutes = filled(first, tuple(each / 60 for each in subject.seconds), subject=subject, note=note)
        return minutes, *(self._quality(row, subject) for row in rows[1:])

    @staticmethod
    def _quality(row: Row, subject: Measured) -> Row:
        metric = row.what.split()[1]
        by_seed = [value for name, value in subject.figures.items() if name.startswith(f"{metric} of ")]
        shown = ", ".join(f"{value:.4f}" for value in by_seed)
        return filled(row, (statistics.mean(by_seed),), subject=subject, note=f"By seed: {shown}.")


STAGES = (
    Timed(
        name="pretraining",
        what="pretraining epoch, cross-entropy, against RecBole's SASRec",
        sides=against_recbole,
        data=SETS,
        goals=dict.fromkeys(SETS, at_least(50)),
        note=lambda subject, peer: of_sample(
            f"Same data, sizes, dropout and loss; the peer has batches of 1024 prefixes; "
            f"catalogue products of ours in {subject.facts['catalogue products']}."
        ),
    ),
    Timed(
        name="contrastive",
        what="pretraining epoch with the contrastive term, against plain DuoRec",
        sides=against_plain_duorec,
        data=SETS,
        goals={"beauty": at_least(45)},
        note=lambda subject, peer: of_sample(
            "It is this repository's own, written from the paper (`benchmarks/peers/plain_duorec.py`): three passes "
            "over 1024 padded prefixes, every pair of them contrasted; the public implementation was not available."
        ),
    ),
    Timed(
        name="encoding",
        what="encode every prefix and index, against a padded row a prefix",
        sides=encode_and_index,
        data=SETS,
        goals={"beauty": at_least(15)},
        note=lambda subject, peer: of_sample("The backbone is trained briefly."),
    ),
    Timed(
        name="long-histories",
        what="exact encoding of prefixes over 50 items, against every block in full",
        sides=long_histories,
        data=("ml-100k",),
        goals={"ml-100k": at_least(3)},
        note=of_long_histories,
    ),
    Memory(),
    Quality(),
)
