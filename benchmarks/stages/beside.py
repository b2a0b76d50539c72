"""Backbones compared with RecBole's of the same name, each trained as its own side recommends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.peers.bridge import Ranks, read_ranks
from benchmarks.peers.environment import NoEnvironmentError, peers_folder, recbole_python
from benchmarks.results import Measured, Row
from benchmarks.stages.base import Setting, filled
from benchmarks.turns import CannotRunError, Side, SideFailedError, in_turns
from harness.data.protocol import History
from harness.results.metrics import check_metric

RECBOLE = {"sasrec": "SASRec", "gru4rec": "GRU4Rec"}
"""RecBole's name of each model."""

SETS = ("ml-100k", "beauty")
SEEDS = 3
METRICS = ("recall@10", "ndcg@10")
WIDTH_95 = 1.96
LIMIT_S = 48 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The measurements of both sides for one seed.

    Attributes:
        ours, theirs: measurements of each side.
        ranks: ranks of test targets by moment and protocol of history, such as ``equal hide``; ours have no moment.
    """

    ours: Measured
    theirs: Measured
    ranks: dict[str, Ranks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A stage for a model on a data set, with one row per protocol of history.

    RecBole's training does not depend on the protocol, so one training is used for both; the choice of its epoch does.

    Attributes:
        model: its name in this repository.
        data: the data set.
    """

    model: str
    data: str
    long: bool = True

    @property
    def name(self) -> str:
        return f"{self.model}-{self.data}"

    def run(self, setting: Setting) -> tuple[Row, ...]:
        rows = {
            history: Row(
                stage=self.name,
                what=f"{self.model}: ndcg@10 on test beside RecBole's, history {history.value}",
                data=self.data,
                unit="",
                threads=1,
            )
            for history in History
        }
        try:
            pairs = [self._pair(setting, replicate) for replicate in range(setting.rounds or SEEDS)]
        except CannotRunError as problem:
            return tuple(row.failed(f"cannot run here: {problem}") for row in rows.values())
        except SideFailedError as problem:
            return tuple(row.failed(f"FAILED: {problem}") for row in rows.values())
        return tuple(self._row(row, history, pairs) for history, row in rows.items())

    def _pair(self, setting: Setting, replicate: int) -> Pair:
        try:
            python = recbole_python(peers_folder(setting.peers))
        except NoEnvironmentError as problem:
            raise CannotRunError(str(problem)) from problem
        folder = setting.scratch / self.name / str(replicate)
        folder.mkdir(parents=True)
        ours = Side(
            name=self.model,
            function="beside:trained",
            options={**setting.options(self.data), "model": self.model, "folder": str(folder), "replicate": replicate},
        )
        (own,) = in_turns([ours], rounds=1, limit_s=LIMIT_S, warm_up=False)
        equal_s = {each.value: own.figures[f"cpu_s {each.value}"] for each in History}
        limit_s = max(*equal_s.values(), 60 * (setting.minutes or 0.0))
        told = f"{self.name}, seed {replicate}"
        print(f"  {told}: ours took {_minutes(equal_s)} CPU min", file=sys.stderr, flush=True)
        theirs = Side(
            name=f"RecBole 1.2.1 {RECBOLE[self.model]}",
            function="recbole:trained",
            python=str(python),
            options={
                "folder": str(folder),
                "model": RECBOLE[self.model],
                "changes": {},
                "seed": 2020 + replicate,
                "equal_s": equal_s,
                "limit_s": limit_s,
            },
        )
        (peer,) = in_turns([theirs], rounds=1, limit_s=LIMIT_S, warm_up=False)
        epochs, used = peer.figures["epochs"], peer.figures["cpu_s"] / 60
        print(f"  {told}: RecBole took {used:.1f} CPU min, {epochs:.1f} epochs", file=sys.stderr, flush=True)
        return Pair(ours=own, theirs=peer, ranks=ranks_of(folder))

    def _row(self, row: Row, history: History, pairs: Sequence[Pair]) -> Row:
        subject, peer = own_side(history, pairs), their_side(history, pairs)
        by_seed = tuple(_metric("ndcg@10", pair.ranks[history.value]) for pair in pairs)
        return filled(row, by_seed, subject=subject, peer=peer, note=note(peer))


def ranks_of(folder: Path) -> dict[str, Ranks]:
    """The ranks that both sides wrote."""
    return {**read_ranks(folder / "ours.npz"), **read_ranks(folder / "theirs.npz")}


def own_side(history: History, pairs: Sequence[Pair]) -> Measured:
    """Our measurements under a protocol of history: means over seeds."""
    name = history.value
    sides = [pair.ours for pair in pairs]
    figures = {
        **{metric: _mean([_metric(metric, pair.ranks[name]) for pair in pairs]) for metric in METRICS},
        "cpu_min": _mean([side.figures[f"cpu_s {name}"] / 60 for side in sides]),
        **{key: _mean([side.figures[f"{key} {name}"] for side in sides]) for key in ("epochs", "chosen")},
    }
    return replace(
        sides[0],
        seconds=tuple(side.figures[f"wall_s {name}"] for side in sides),
        peak_memory_mb=max(side.peak_memory_mb for side in sides),
        figures=figures,
        facts={"history": name},
    )


def their_side(history: History, pairs: Sequence[Pair]) -> Measured:
    """RecBole's measurements under the protocol: means over seeds, after as much CPU time as ours and at its end."""
    sides = [pair.theirs for pair in pairs]
    figures = {
        "cpu_min": _mean([side.figures["cpu_s"] / 60 for side in sides]),
        **{key: _mean([side.figures[key] for side in sides]) for key in ("epochs", "own_end")},
    }
    for key in ("own valid", "the same here"):
        if all(key in side.figures for side in sides):
            figures[key] = _mean([side.figures[key] for side in sides])
    for moment in ("equal", "end"):
        name = f"{moment} {history.value}"
        figures |= {
            f"{moment} {metric}": _mean([_metric(metric, pair.ranks[name]) for pair in pairs]) for metric in METRICS
        }
        difference, half = paired(
            [pair.ranks[history.value] for pair in pairs], [pair.ranks[name] for pair in pairs], "ndcg@10"
        )
        figures |= {
            f"{moment} chosen": _mean([side.figures[f"{moment} chosen {history.value}"] for side in sides]),
            f"{moment} difference": difference,
            f"{moment} half width": half,
        }
    return replace(
        sides[0],
        seconds=tuple(side.figures["wall_s"] for side in sides),
        peak_memory_mb=max(side.peak_memory_mb for side in sides),
        figures=figures,
    )


def paired(ours: Sequence[Ranks], theirs: Sequence[Ranks], metric: str) -> tuple[float, float]:
    """Mean over users of ours minus theirs (per user, means over seeds), and the half-width of its 95% interval."""
    one, other = (np.mean([check_metric(metric).of_users(each) for each in side], axis=0) for side in (ours, theirs))
    difference = one - other
    return float(difference.mean()), float(WIDTH_95 * difference.std(ddof=1) / np.sqrt(len(difference)))


def note(peer: Measured) -> str:
    """A note with information that is not in the table of backbones."""
    figures = peer.figures
    if "own valid" not in figures:
        return "RecBole's figures are in the table of backbones; it finished no epoch."
    return (
        f"RecBole's figures are in the table of backbones. Its best mrr@10 on the validation set, history ranked: "
        f"{figures['own valid']:.4f} by its own rule, {figures['the same here']:.4f} by ours."
    )


def _metric(metric: str, ranks: Ranks) -> float:
    return check_metric(metric).mean(ranks)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _minutes(seconds: dict[str, float]) -> str:
    return ", ".join(f"{value / 60:.2f} ({name})" for name, value in seconds.items())


STAGES = tuple(Beside(model=model, data=data) for model in RECBOLE for data in SETS)
