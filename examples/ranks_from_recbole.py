"""Per-user ranks from RecBole 1.2.1's full-sort evaluation, as a table that ``ftr-study report`` reads.

Run it in an environment with RecBole, which may differ from that of ftr-study::

    python ranks_from_recbole.py data/ml-100k ranks.csv.gz --models BPR SASRec --seeds 0 1 2 --epochs 20
    ftr-study report ranks.csv.gz --baseline BPR

RecBole hides a user's seen items for general models such as BPR, but not for sequential models such as SASRec.
A comparison needs the same candidates for both, so this script hides seen items for every model.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

SETTINGS: dict[str, Any] = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "user_inter_num_interval": "[5,inf)",
    "item_inter_num_interval": "[5,inf)",
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
    "metrics": ["Recall", "NDCG", "MRR"],
    "topk": [10],
    "valid_metric": "NDCG@10",
    "show_progress": False,
    "state": "ERROR",
}


@torch.no_grad()
def ranks_of(trainer: Any, test: Any, seen: torch.Tensor | None = None) -> Iterator[pd.DataFrame]:
    """Yield one frame per batch with user, target and rank of the target among all items.

    Args:
        trainer: RecBole's trainer, after ``trainer.evaluate(test)``, which sets its number of items.
        test: RecBole's loader of the test set, in full-sort mode.
        seen: items to hide, ``(n_users, n_items)`` by RecBole's numbers; None ranks as RecBole does.
    """
    dataset = test.dataset
    for batch in test:
        interaction, scores, row, item = trainer._full_sort_batch_eval(batch)
        if scores[row].isnan().any():
            raise ValueError("the model gives NaN as a score: no rank can be told; look for a loss that diverged")
        user = interaction[dataset.uid_field][row]
        mine = scores[row, item][:, None]
        others = scores[row] if seen is None else scores[row].masked_fill(seen[user].to(scores.device), -torch.inf)
        rank = 1 + (others >= mine).scatter(1, item[:, None].to(scores.device), False).sum(1)  # ties count against it
        yield pd.DataFrame(
            {
                "user": dataset.id2token(dataset.uid_field, user.numpy()),
                "target": dataset.id2token(dataset.iid_field, item.numpy()),
                "rank": rank.cpu().numpy(),
            }
        )


def run(
    folder: Path, model: str, seed: int, epochs: int, more: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train a model on ``folder/NAME.inter``; return its ranks on the test set and RecBole's own metrics."""
    utils, data = import_module("recbole.utils"), import_module("recbole.data")
    settings = {**SETTINGS, "data_path": str(folder.parent), "epochs": epochs, "seed": seed, **more}
    if utils.get_model(model).type == utils.ModelType.SEQUENTIAL:
        settings["train_neg_sample_args"] = None  # trained by cross-entropy over all items
    config = import_module("recbole.config").Config(model=model, dataset=folder.name, config_dict=settings)
    utils.init_seed(seed, reproducibility=True)
    dataset = data.create_dataset(config)
    users, items = (dataset.inter_feat[field].to_numpy() for field in (dataset.uid_field, dataset.iid_field))
    seen = torch.zeros(dataset.user_num, dataset.item_num, dtype=torch.bool)
    seen[users, items] = True
    train, valid, test = data.data_preparation(config, dataset)
    trainer = utils.get_trainer(config["MODEL_TYPE"], model)(
        config, utils.get_model(model)(config, train.dataset).to(config["device"])
    )
    began = time.perf_counter()
    trainer.fit(train, valid, verbose=False, saved=True, show_progress=False)
    seconds = time.perf_counter() - began
    trainer.model.load_state_dict(torch.load(trainer.saved_model_file, weights_only=False)["state_dict"])
    figures = trainer.evaluate(test, load_best_model=False)
    table = pd.concat(ranks_of(trainer, test, seen), ignore_index=True)
    # Popularity counts training events only. A sequential model's training set has targets only, so the training events
    # are computed as all events without the two held-out events of each user.
    of_user, of_item = np.bincount(users), np.bincount(items, minlength=dataset.item_num)
    for held_out in (valid, test):
        targets = held_out.dataset.inter_feat[dataset.iid_field].numpy()
        of_item = of_item - np.bincount(targets, minlength=dataset.item_num)
    return table.assign(
        arm=model,
        seed=seed,
        history_length=of_user[dataset.token2id(dataset.uid_field, table["user"].to_numpy())] - 1,
        popularity=of_item[dataset.token2id(dataset.iid_field, table["target"].to_numpy())],
        seconds=round(seconds, 3),
    ), dict(figures)


def main() -> None:
    """Train every model with every seed and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="RecBole's folder of the data set, such as data/ml-100k")
    parser.add_argument("table", type=Path, help="the table to write, such as ranks.csv.gz")
    parser.add_argument("--models", nargs="+", default=["BPR", "SASRec"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--set", type=json.loads, default={}, help="more of RecBole's settings: '{\"hidden_size\": 32}'"
    )
    chosen = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole parses sys.argv itself
    tables = []
    for model in chosen.models:
        for seed in chosen.seeds:
            table, figures = run(chosen.folder, model, seed, chosen.epochs, chosen.set)
            print(f"{model}, seed {seed}: RecBole says {figures}")
            tables.append(table)
    pd.concat(tables).to_csv(chosen.table, index=False)


if __name__ == "__main__":
    main()
