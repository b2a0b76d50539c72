"""RecBole's own model with RecBole's trainer and settings.  Runs in RecBole's environment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.child import Measure, Reading
from benchmarks.peers.bridge import DATASET, Ranks, item_token, ranks_by_history, read_sequences, write_ranks
from benchmarks.peers.recbole_sasrec import settings
from harness.data.interactions import Interactions
from harness.data.protocol import History
from harness.data.split import split_prefixes
from harness.results.metrics import mean_metrics

SELECTION = "ndcg@10"
"""Metric on the validation set that selects the epoch, as for our backbones."""


OWN = "mrr@10"
"""RecBole's own metric on the validation set, used for its early stopping."""

Looked = tuple[Mapping[History, Mapping[str, float]], Mapping[History, Ranks]]
"""Metrics on the validation set and ranks of the test targets, by protocol of history."""


class SpentError(Exception):
    """The CPU time of a training is used up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """The state of a model at one moment of its training.

    Attributes:
        cpu_s: CPU seconds of the training so far.
        steps: training steps so far.
        ends_epoch: whether it is the end of an epoch.
        valid: metrics on the validation set by protocol of history.
        test: ranks of the test targets by protocol of history.
    """

    cpu_s: float
    steps: int
    ends_epoch: bool
    valid: Mapping[History, Mapping[str, float]]
    test: Mapping[History, Ranks]


@dataclass(slots=True, kw_only=True)
class Watch:
    """Measures a model after every epoch and after given CPU seconds, and ends its training at a limit.

    The time of these measurements is not counted.

    Attributes:
        look: measures the current model.
        marks: CPU seconds after which to measure, also within an epoch.
        limit_s: CPU seconds after which the training ends.
        told: called with each look.
        cpu, wall: clocks, in seconds.
    """

    look: Callable[[], Looked]
    marks: Sequence[float]
    limit_s: float
    told: Callable[[Look], object] = lambda look: None
    cpu: Callable[[], float] = time.process_time
    wall: Callable[[], float] = time.perf_counter
    looks: list[Look] = field(default_factory=list[Look])
    steps: int = 0
    _cpu_s: float = 0.0
    _wall_s: float = 0.0
    _waiting: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self._cpu_s, self._wall_s = -self.cpu(), -self.wall()
        self._waiting = sorted(self.marks)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the training so far."""
        return self.cpu() + self._cpu_s

    @property
    def wall_s(self) -> float:
        """Wall seconds of the training so far."""
        return self.wall() + self._wall_s

    def before_step(self) -> None:
        """Measure the model if a mark or the limit is passed.

        Raises:
            SpentError: the limit is passed.
        """
        used = self.cpu_s
        if used >= self.limit_s or (self._waiting and self._waiting[0] <= used):
            self._take(ends_epoch=False)
        if used >= self.limit_s:
            raise SpentError
        self.steps += 1

    def after_epoch(self, *_: object) -> None:
        """Measure the model at the end of an epoch."""
        self._take(ends_epoch=True)

    def _take(self, *, ends_epoch: bool) -> None:
        """Measure the model now; all marks passed since the last look get this one."""
        cpu, wall, used = self.cpu(), self.wall(), self.cpu_s
        valid, test = self.look()
        passed = [mark for mark in self._waiting if mark <= used]
        del self._waiting[: len(passed)]
        self.looks += [
            Look(cpu_s=each, steps=self.steps, ends_epoch=ends_epoch, valid=valid, test=test)
            for each in (*passed, used)
        ]
        self.told(self.looks[-1])
        self._cpu_s -= self.cpu() - cpu
        self._wall_s -= self.wall() - wall

    def best(self, history: History, within_s: float) -> Look:
        """The look with the best validation metric within ``within_s`` CPU seconds; the first in case of ties."""
        return max(
            (each for each in self.looks if each.cpu_s <= within_s), key=lambda each: each.valid[history][SELECTION]
        )


def trained(
    folder: str, model: str, changes: dict[str, Any], seed: int, equal_s: dict[str, float], limit_s: float
) -> Measure:
    """One training with RecBole's trainer until it stops by itself or has used ``limit_s`` CPU seconds.

    Args:
        folder: folder of the sequences; ``theirs.npz`` is written to it.
        model: RecBole's name of the model.
        changes: settings that differ from RecBole's defaults.
        seed: RecBole's seed.
        equal_s: CPU seconds of our training, by protocol of history.
        limit_s: budget in CPU seconds.
    """
    here = Path(folder)
    data = read_sequences(here)
    sys.argv = sys.argv[:1]  # RecBole parses sys.argv itself
    os.chdir(folder)  # and writes logs to the working folder
    config = import_module("recbole.config").Config(
        model=model, dataset=DATASET, config_dict={**settings(here, changes), "seed": seed}
    )
    utils = import_module("recbole.utils")
    utils.init_seed(seed, reproducibility=True)
    loading = import_module("recbole.data")
    whole = loading.create_dataset(config)
    train, valid, _ = loading.data_preparation(config, whole)
    recommender = utils.get_model(model)(config, train.dataset)
    trainer = utils.get_trainer(config["MODEL_TYPE"], model)(config, recommender)

    def measure() -> Reading:
        log = here / "looks.jsonl"  # shows progress

        def told(look: Look) -> None:
            test = {each.value: mean_metrics(ranks)[SELECTION] for each, ranks in look.test.items()}
            line = json.dumps({"cpu_s": look.cpu_s, "epochs": look.steps / len(train), "test": test})
            with log.open("a", encoding="utf-8") as lines:
                print(line, file=lines)

        watch = Watch(
            look=looking(config, recommender, whole, data),
            marks=tuple(equal_s.values()),
            limit_s=limit_s,
            told=told,
        )
        loss_of = recommender.calculate_loss

        def calculate_loss(interaction: Any) -> Any:
            watch.before_step()
            return loss_of(interaction)

        recommender.calculate_loss = calculate_loss
        own_end = 1.0
        try:
            trainer.fit(train, valid, verbose=False, saved=False, show_progress=False, callback_fn=watch.after_epoch)
        except SpentError:
            own_end = 0.0
        cpu_s, wall_s = watch.cpu_s, watch.wall_s
        figures = {"cpu_s": cpu_s, "wall_s": wall_s, "own_end": own_end, "epochs": watch.steps / len(train)}
        ranks: dict[str, Ranks] = {}
        for name, within in (("equal", equal_s), ("end", {})):
            for history in History:
                chosen = watch.best(history, within.get(history.value, float("inf")))
                ranks[f"{name} {history.value}"] = chosen.test[history]
                figures[f"{name} chosen {history.value}"] = chosen.steps / len(train)
        if whole_epochs := [each.valid[History.RANK][OWN] for each in watch.looks if each.ends_epoch]:
            figures |= {"own valid": float(trainer.best_valid_score), "the same here": max(whole_epochs)}
        write_ranks(here / "theirs.npz", ranks)
        return Reading(seconds=wall_s, figures=figures)

    return measure


def looking(config: Any, recommender: Any, whole: Any, data: Interactions) -> Callable[[], Looked]:
    """Return a function that measures RecBole's current model and leaves it in training mode."""
    prefixes = split_prefixes(data)
    ids = whole.field2token_id[whole.iid_field]
    number = np.array([0, *(ids[item_token(item)] for item in range(1, data.n_items + 1))])
    interaction = import_module("recbole.data.interaction").Interaction

    def score(items: Tensor, length: Tensor) -> Tensor:
        return recommender.full_sort_predict(
            interaction({recommender.ITEM_SEQ: items, recommender.ITEM_SEQ_LEN: length})
        )

    def ranks(queries: np.ndarray) -> dict[History, Ranks]:
        return ranks_by_history(score, number, data, prefixes, queries, max_length=config["MAX_ITEM_LIST_LENGTH"])

    def look() -> Looked:
        training = recommender.training
        recommender.eval()
        valid = {each: mean_metrics(found, OWN) for each, found in ranks(prefixes.valid).items()}
        test = ranks(prefixes.test)
        recommender.train(training)
        return valid, test

    return look
