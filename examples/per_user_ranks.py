"""Your own analysis of a finished study, in pandas.

    python examples/per_user_ranks.py runs/kl_direction            # the best row of the ranking
    python examples/per_user_ranks.py runs/kl_direction reverse    # or any other

This example asks two questions. Which users' targets enter the top ten because of a remedy, and which drop out? Users
are grouped by how often their target occurs in training, since a gain on best sellers alone is worth less in a shop.
And how much does retrieval gain over the remedy's own backbone, rather than over base?

Each user counts once per seed, against base with the same seed. To support a claim, use the intervals of
`reports.study_effects`, which treats both seeds and users as samples; the plain means below are for exploration.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import reports
from harness.results.metrics import metric_values

TOP = 10
METRIC = f"ndcg@{TOP}"
POPULARITY = [0, 5, 20, np.inf]
LABELS = ["up to 5 events", "6 to 20", "more than 20"]


def moves(ranks: pd.DataFrame, row: str) -> pd.DataFrame:
    """Per popularity group of targets: users per seed, users who entered or left the top ten, and the mean gain."""
    of_row, of_base = (ranks.loc[ranks["row"] == name] for name in (row, "base"))
    both = of_row.merge(of_base[["replicate", "user", "rank"]], on=["replicate", "user"], suffixes=("", "_base"))
    rank, rank_of_base = both["rank"].to_numpy(), both["rank_base"].to_numpy()
    each = pd.DataFrame(
        {
            "popularity": pd.cut(both["target_popularity"], POPULARITY, labels=LABELS, include_lowest=True),
            "users": 1.0,
            "came in": (rank <= TOP) & (rank_of_base > TOP),
            "dropped out": (rank > TOP) & (rank_of_base <= TOP),
            "ndcg@10 gained": metric_values(rank, METRIC) - metric_values(rank_of_base, METRIC),
        }
    )
    table = pd.DataFrame(each.groupby("popularity", observed=False).sum())
    table["ndcg@10 gained"] /= table["users"]
    table[["users", "came in", "dropped out"]] /= both["replicate"].nunique()
    return table


def main() -> None:
    """Print both answers for one row of a study."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path, help="the folder of a finished study")
    parser.add_argument("row", nargs="?", help="row of the ranking (default: the first that is not base)")
    chosen = parser.parse_args()

    frame = reports.read_frame(chosen.study)
    effects = reports.study_effects(frame.deltas(METRIC))
    row = chosen.row or max((name for name in effects if name != "a/a"), key=lambda name: effects[name].mean)
    frame.row(row)  # for an unknown row, the error suggests the nearest name
    ranks = reports.ranks_table(frame)

    print(f"{row} against base, {ranks['replicate'].nunique()} seeds, users a seed by popularity of their target")
    print(moves(ranks, row).round(4).to_string())

    served = reports.study_effects({row: frame.gains(METRIC)[row]})[row]
    low, high = served.interval()
    print(f"\n{row} with retrieval against its own backbone, {METRIC}: {served.mean:+.4f} ({low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
