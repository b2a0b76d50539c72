"""Runs in an environment of its own: RecBole itself trains a model briefly and scores every test history.

Usage: python recbole_reference.py FOLDER MODEL; reads FOLDER/tiny/tiny.inter, writes FOLDER/saved/*.pth and
FOLDER/scores.npz.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

SETTINGS: dict[str, Any] = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "user_inter_num_interval": "[5,inf)",
    "item_inter_num_interval": "[5,inf)",
    "MAX_ITEM_LIST_LENGTH": 12,
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
    "train_neg_sample_args": None,
    "repeatable": True,
    "epochs": 3,
    "train_batch_size": 64,
    "learning_rate": 0.01,
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
}

OWN: dict[str, dict[str, Any]] = {
    "SASRec": {
        "hidden_size": 32,
        "inner_size": 48,
        "n_heads": 4,
        "n_layers": 3,
        "hidden_dropout_prob": 0.2,
        "attn_dropout_prob": 0.2,
    },
    "GRU4Rec": {"embedding_size": 32, "hidden_size": 40, "num_layers": 2, "dropout_prob": 0.2},
}


def main(folder: Path, model_name: str) -> None:
    sys.argv = sys.argv[:1]  # RecBole reads options of its own
    settings = {**SETTINGS, **OWN[model_name], "data_path": str(folder), "checkpoint_dir": str(folder / "saved")}
    config = import_module("recbole.config").Config(model=model_name, dataset="tiny", config_dict=settings)
    utils = import_module("recbole.utils")
    utils.init_seed(7, reproducibility=True)
    data = import_module("recbole.data")
    dataset = data.create_dataset(config)
    train, valid, test = data.data_preparation(config, dataset)
    model = utils.get_model(model_name)(config, train.dataset)
    trainer = utils.get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    score, _ = trainer.fit(train, valid, verbose=False, saved=True, show_progress=False)
    saved = torch.load(trainer.saved_model_file, weights_only=False)
    model.load_state_dict(saved["state_dict"])
    model.eval()
    users, scores = [], []
    with torch.no_grad():
        for interaction, *_ in test:
            users += dataset.id2token("user_id", interaction["user_id"].numpy()).tolist()
            scores.append(model.full_sort_predict(interaction).numpy())
    np.savez(
        folder / "scores.npz",
        users=np.array(users, dtype=np.str_),
        items=np.array(dataset.id2token("item_id", np.arange(dataset.item_num)), dtype=np.str_),
        scores=np.concatenate(scores),
        valid=score,
        epoch=saved["epoch"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
