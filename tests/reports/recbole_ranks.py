"""Runs in RecBole's environment: the example's table, RecBole's own figures, and the lines of ``docs/ranks.md``.

Usage: python recbole_ranks.py ROOT FOLDER; reads FOLDER/ml-100k, writes ranks.csv.gz, plain.csv.gz, figures.json there.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch

SMALL = {"hidden_size": 32, "inner_size": 32, "n_layers": 1, "n_heads": 1, "MAX_ITEM_LIST_LENGTH": 10}


def main(root: Path, folder: Path) -> None:
    sys.argv = sys.argv[:1]  # RecBole reads options of its own
    spec = importlib.util.spec_from_file_location("example", root / "examples" / "ranks_from_recbole.py")
    assert spec is not None
    assert spec.loader is not None
    example: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    said = (root / "docs" / "ranks.md").read_text(encoding="utf-8")
    (lines,) = (block for block in re.findall(r"```python\n(.*?)```", said, flags=re.DOTALL) if "trainer." in block)
    seen_by_example = example.ranks_of
    kept: dict[str, Any] = {}

    def ranks_of(trainer: Any, test: Any, seen: torch.Tensor) -> Any:
        kept.update(trainer=trainer, test_data=test)
        return seen_by_example(trainer, test, seen)

    example.ranks_of = ranks_of
    tables, plain, figures = [], [], {}
    for model in ("BPR", "SASRec"):
        for seed in range(3):
            table, of_recbole = example.run(folder / "ml-100k", model, seed, 2, SMALL)
            figures[f"{model} {seed}"] = of_recbole
            tables.append(table)
            own: dict[str, Any] = {"pd": pd, "torch": torch, "rows": [], "model_name": model, "seed": seed, **kept}
            exec(lines.replace("ranks.csv.gz", str(folder / "lines.csv.gz")), own)
            plain.append(pd.read_csv(folder / "lines.csv.gz"))
    pd.concat(tables).to_csv(folder / "ranks.csv.gz", index=False)
    pd.concat(plain).to_csv(folder / "plain.csv.gz", index=False)
    (folder / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
