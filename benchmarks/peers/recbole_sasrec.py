"""Training steps of RecBole's SASRec with cross-entropy, as its trainer runs them, in RecBole's own environment.

Usage: python recbole_sasrec.py FD OPTIONS. Orders and answers are as in ``benchmarks/child.py``, which this environment
may not be able to import.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

WARM_UP = 2


def settings(folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    """RecBole's configuration; all other settings are its defaults."""
    return {
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "train_neg_sample_args": None,
        "repeatable": True,
        "loss_type": "CE",
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        **model,
    }


def prepared(folder: str, dataset: str, model: dict[str, Any], steps: int) -> Callable[[], dict[str, Any]]:
    """Return a function that measures one round of ``steps`` training steps."""
    sys.argv = sys.argv[:1]  # RecBole parses sys.argv itself
    os.chdir(folder)  # and writes logs to the working folder
    config = import_module("recbole.config").Config(
        model="SASRec", dataset=dataset, config_dict=settings(Path(folder), model)
    )
    utils, data = import_module("recbole.utils"), import_module("recbole.data")
    utils.init_seed(7, reproducibility=True)
    train, _, _ = data.data_preparation(config, data.create_dataset(config))
    sasrec = utils.get_model("SASRec")(config, train.dataset)
    trainer = utils.get_trainer(config["MODEL_TYPE"], "SASRec")(config, sasrec)
    sasrec.train()
    of_epoch = len(train)
    batches = endless(train)

    def take(n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            interaction = next(batches).to(trainer.device)
            trainer.optimizer.zero_grad()
            sasrec.calculate_loss(interaction).backward()
            trainer.optimizer.step()
        return time.perf_counter() - began

    take(WARM_UP)

    def measure() -> dict[str, Any]:
        done = min(steps, of_epoch)
        return {
            "seconds": take(done) * of_epoch / done,
            "sample": f"{done} of {of_epoch} steps",
            "figures": {"parameters": sum(each.numel() for each in sasrec.parameters()), "steps": of_epoch},
            "facts": {},
        }

    return measure


def endless(loader: Any) -> Any:
    """Yield the batches of one epoch after another."""
    while True:
        yield from loader


def peak_memory_mb() -> float:
    """Peak resident size of this program in 10**6 bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e6


def main() -> None:
    """Follow orders from standard input: prepare, measure, end."""
    told, options = sys.argv[1:]
    measure: Callable[[], dict[str, Any]] | None = None
    with os.fdopen(int(told), "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            order, found = line.strip(), {}
            if order == "prepare":
                measure = prepared(**json.loads(options))
            elif order == "measure":
                assert measure is not None
                found = measure()
            else:
                found = {"peak_memory_mb": peak_memory_mb()}
            print(json.dumps(found), file=answers, flush=True)
            if order == "end":
                return


if __name__ == "__main__":
    main()
