"""Backbones beside RecBole's: the bridge from a model's scores to ranks, the watch over a training, the comparison."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.beside_table import beside_lines
from benchmarks.peers.bridge import DATASET, ranks_by_history, read_sequences, write_ranks, write_sequences
from benchmarks.results import Measured, Results, Row
from benchmarks.sides.recbole import SpentError, Watch
from benchmarks.stages.base import Setting
from benchmarks.stages.beside import Beside, Pair, own_side, paired, ranks_of, their_side
from benchmarks.table import rendered
from harness.data.protocol import History, Protocol
from harness.data.split import split_prefixes
from tests.backbones.plainly import history_of, world

LENGTHS = [4, 5, 9, 13, *(6 + user % 5 for user in range(600))]
MAX_LENGTH = 6


class Fake:
    """A model that numbers items in another order and scores them by the last items of a history alone."""

    def __init__(self, n_items: int) -> None:
        rng = np.random.default_rng(1)
        self.number = np.array([0, *(1 + rng.permutation(n_items))])
        self.table = rng.integers(0, 50, (n_items + 1, n_items + 1)).astype(np.float32)
        self.table[0] = 0.0

    def __call__(self, items: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        assert ((items > 0).sum(dim=1) == length).all()
        scores = torch.from_numpy(self.table)[items].sum(dim=1)
        scores[:, 0] = 1e6  # the padding is no item, whatever it scores
        return torch.cat([scores, torch.full((len(scores), 1), 1e6)], dim=1)

    def rank(self, history: np.ndarray, target: int, hidden: set[int]) -> int:
        """By the rule as it is written: others that score at least as much, of those that are candidates."""
        scores = self.table[self.number[history[-MAX_LENGTH:]]].sum(axis=0)[self.number]
        scores[[0, *hidden]] = -1e9
        others = np.delete(scores[1:], target - 1)
        return 1 + int((others >= scores[target]).sum())


@pytest.mark.parametrize("protocol", [Protocol(), Protocol(targets=2)])
def test_scores_become_ranks_with_the_history_ranked_and_hidden(protocol):
    data = world(LENGTHS)
    prefixes, fake = split_prefixes(data, protocol), Fake(data.n_items)
    found = ranks_by_history(fake, fake.number, data, prefixes, prefixes.test, max_length=MAX_LENGTH)
    assert len(prefixes.test) > 512  # more than one part
    repeats = 0
    for place, prefix in enumerate(prefixes.test.tolist()):
        history, target = history_of(data, prefixes, prefix), int(prefixes.target[prefix])
        assert found[History.RANK][place] == fake.rank(history, target, set())
        assert found[History.HIDE][place] == fake.rank(history, target, set(history.tolist()))
        if target in history:
            repeats += 1
            assert found[History.HIDE][place] == data.n_items  # a target that is hidden ties at the end
    assert repeats > 10
    assert (found[History.HIDE] < found[History.RANK]).any()


def test_both_sides_have_the_same_sequences_in_the_same_order(tmp_path):
    data = world([4, 9, 6])
    write_sequences(data, tmp_path)
    read = read_sequences(tmp_path)
    assert (read.n_users, read.n_items) == (data.n_users, data.n_items)
    assert [read.sequence(user).tolist() for user in range(3)] == [data.sequence(user).tolist() for user in range(3)]
    head, *lines = (tmp_path / DATASET / f"{DATASET}.inter").read_text(encoding="utf-8").splitlines()
    assert head == "user_id:token\titem_id:token\ttimestamp:float"
    told = [line.split("\t") for line in lines]
    assert [(user, int(item[1:])) for user, item, _ in told] == [
        (f"u{user}", item) for user in range(3) for item in data.sequence(user).tolist()
    ]
    assert [int(time) for user, _, time in told if user == "u1"] == list(range(9))


class Training:
    """A training whose steps take 10 CPU seconds, looks 1000, and whose validation score follows a list."""

    def __init__(self, scores: list[float], *, marks: list[float], limit_s: float) -> None:
        self.clock, self.scores = 0.0, iter(scores)
        self.numbers = itertools.count(1)
        self.watch = Watch(
            look=self.look, marks=marks, limit_s=limit_s, cpu=lambda: self.clock, wall=lambda: self.clock
        )

    def look(self):
        self.clock += 1000.0
        valid = next(self.scores)
        ranks = np.array([next(self.numbers)], dtype=np.int32)
        return (
            {History.RANK: {"ndcg@10": valid}, History.HIDE: {"ndcg@10": -valid}},
            dict.fromkeys(History, ranks),
        )

    def run(self, *, epochs: int, steps: int) -> Watch:
        for _ in range(epochs):
            for _ in range(steps):
                self.watch.before_step()
                self.clock += 10.0
            self.watch.after_epoch(0, 0.0)
        return self.watch


def test_a_watch_looks_after_epochs_and_where_the_minutes_of_ours_end():
    watch = Training([0.1, 0.3, 0.2], marks=[35.0, 15.0], limit_s=1e9).run(epochs=1, steps=5)
    assert [(look.cpu_s, look.steps, look.ends_epoch) for look in watch.looks] == [
        *((15.0, 2, False), (20.0, 2, False)),  # the step that passes a mark still counts
        *((35.0, 4, False), (40.0, 4, False)),
        (50.0, 5, True),
    ]
    assert (watch.cpu_s, watch.wall_s) == (50.0, 50.0)  # looks are not counted
    assert watch.best(History.RANK, 15.0).steps == 2
    assert watch.best(History.RANK, 35.0).steps == watch.best(History.RANK, float("inf")).steps == 4
    assert watch.best(History.HIDE, float("inf")).steps == 2  # each protocol has its own epoch


def test_a_mark_that_the_end_of_an_epoch_passes_has_that_look():
    watch = Training([0.1, 0.2], marks=[45.0], limit_s=1e9).run(epochs=2, steps=5)
    assert [(look.cpu_s, look.steps) for look in watch.looks] == [(45.0, 5), (50.0, 5), (100.0, 10)]
    assert watch.best(History.RANK, 45.0).steps == 5


def test_a_training_that_has_spent_its_minutes_ends_with_a_look():
    training = Training([0.1, 0.2, 0.3], marks=[20.0], limit_s=70.0)
    with pytest.raises(SpentError):
        training.run(epochs=3, steps=5)
    assert [(look.cpu_s, look.steps) for look in training.watch.looks][-1] == (70.0, 7)
    assert training.watch.steps == 7


def measured(**figures: float) -> Measured:
    return Measured(name="x", seconds=(60.0,), peak_memory_mb=100.0, figures=figures)


def test_a_comparison_has_the_metrics_minutes_and_difference_of_its_own_protocol(tmp_path):
    def pair(number: int) -> Pair:
        folder = tmp_path / str(number)
        folder.mkdir()
        write_ranks(folder / "ours.npz", {"rank": np.array([1, 1, 99, 99]), "hide": np.array([1, 1, 1, 99])})
        theirs = {"equal rank": [99] * 4, "end rank": [1, 99, 99, 99], "equal hide": [99] * 4, "end hide": [1] * 4}
        write_ranks(folder / "theirs.npz", {name: np.array(ranks) for name, ranks in theirs.items()})
        own = {f"{what} {name}": 60.0 for what in ("cpu_s", "wall_s", "epochs", "chosen") for name in ("rank", "hide")}
        chosen = {f"{moment} chosen {name}": 2.0 for moment in ("equal", "end") for name in ("rank", "hide")}
        return Pair(
            ours=measured(**own),
            theirs=measured(cpu_s=600.0, wall_s=700.0, epochs=3.0, own_end=1.0, **chosen),
            ranks=ranks_of(folder),
        )

    pairs = [pair(0), pair(1)]
    for history, ours, theirs in ((History.RANK, 0.5, 0.25), (History.HIDE, 0.75, 1.0)):
        own, found = own_side(history, pairs).figures, their_side(history, pairs).figures
        assert (own["ndcg@10"], own["recall@10"], own["cpu_min"]) == (ours, ours, 1.0)
        assert (found["equal ndcg@10"], found["end ndcg@10"], found["cpu_min"]) == (0.0, theirs, 10.0)
        assert found["end difference"] == pytest.approx(ours - theirs)
        assert found["end half width"] == pytest.approx(1.96 * 0.5 / 2)


def test_the_table_of_backbones_has_a_line_each_comparison_and_marks_one_that_was_stopped():
    figures = {f"{moment} {what}": 0.25 for moment in ("equal", "end") for what in ("recall@10", "ndcg@10", "chosen")}
    peer = {**figures, "end difference": 0.01, "end half width": 0.02, "cpu_min": 30.0, "epochs": 8.0, "own_end": 0.0}
    own = replace(measured(**{"recall@10": 0.5, "ndcg@10": 0.4, "cpu_min": 2.0}), facts={"history": "hide"})
    row = Row(stage="s", what="w", data="d", unit="", values=(0.4,), subject=own, peer=measured(**peer))
    other = replace(row, subject=measured(), peer=None)
    lines = [line for line in beside_lines([other, row, row.failed("no network")]) if line.startswith("| x")]
    assert lines == [
        "| x | d | hide | 1 | 0.5000 | 0.4000 | 2.00 | 100 | 0.2500 | 0.2500 | 0.25 | 0.2500 | 0.2500 | 0.2 of 8.0 "
        "| 30.0 * | 100 | 15.0 | +0.0100 ± 0.0200 |"
    ]
    assert beside_lines([other]) == []
    results = Results(rows=(row,))
    assert lines[0] in rendered(results)
    assert Results.from_json(results.as_json()) == results


def test_the_interval_of_a_difference_is_over_users_after_the_mean_over_seeds():
    ours = [np.array([1, 99]), np.array([99, 1])]  # each user .5 on average, whatever the seed
    theirs = [np.array([99, 99])] * 2
    assert paired(ours, theirs, "recall@10") == (0.5, 0.0)


def test_without_recbole_the_rows_say_why(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    setting = Setting(data_dir=None, peers=blocked, backbones={}, scratch=tmp_path, rounds=1, threads=1)
    rows = Beside(model="sasrec", data="ml-100k").run(setting)
    assert [row.problem.startswith("cannot run here: cannot make the environment") for row in rows] == [True, True]
