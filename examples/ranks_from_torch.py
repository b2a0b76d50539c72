"""Per-user ranks from a plain PyTorch loop, as a table that ``ftr-study report`` reads.

    python examples/ranks_from_torch.py ranks.csv.gz
    ftr-study report ranks.csv.gz --baseline dot

Your own loop needs only `ranks_of`. The rest is a small example: users and items in a plane, and two models that score
their embeddings differently (by dot product and by cosine), each trained with three seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn


@torch.no_grad()
def ranks_of(model: nn.Module, users: Tensor, targets: Tensor, seen: Tensor) -> Tensor:
    """Rank of each user's target among the items that the user has not seen, from 1, ``(n_users,)``.

    Args:
        model: maps users ``(batch,)`` to the scores of all items, ``(batch, n_items)``.
        seen: items to hide, ``(n_users, n_items)``.
    """
    ranks = []
    for user, target in zip(users.split(512), targets.split(512), strict=True):
        scores = model(user)
        if scores.isnan().any():
            raise ValueError("the model gives NaN as a score: no rank can be told; look for a loss that diverged")
        mine = scores.gather(1, target[:, None])
        ahead = scores.masked_fill(seen[user], -torch.inf) >= mine  # a tie counts against the target
        ranks.append(1 + ahead.scatter(1, target[:, None], False).sum(1))
    return torch.cat(ranks)


class Factors(nn.Module):
    """A model of users and items as vectors; the score is their dot product or their cosine."""

    def __init__(self, n_users: int, n_items: int, *, cosine: bool) -> None:
        super().__init__()
        self.users, self.items, self.cosine = nn.Embedding(n_users, 8), nn.Embedding(n_items, 8), cosine

    def forward(self, user: Tensor) -> Tensor:
        """Score of every item, ``(batch, n_items)``."""
        users, items = self.users(user), self.items.weight
        if self.cosine:
            users, items = 8.0 * nn.functional.normalize(users), nn.functional.normalize(items)
        return users @ items.T


def planted(n_users: int = 400, n_items: int = 120, n_events: int = 12) -> tuple[Tensor, Tensor]:
    """Synthetic items per user, ``(n_users, n_events)``, the last one the target; and training events per item."""
    draw = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, 2, generator=draw) for n in (n_users, n_items))
    events = torch.multinomial((2.0 * users @ items.T).softmax(1), n_events, generator=draw)
    return events, torch.bincount(events[:, :-1].flatten(), minlength=n_items)


def main(table: Path) -> None:
    """Train both models with three seeds and write the table."""
    events, popularity = planted()
    n_users, n_items = len(events), len(popularity)
    users, targets = torch.arange(n_users), events[:, -1]
    seen = torch.zeros(n_users, n_items, dtype=torch.bool).scatter(1, events[:, :-1], True)
    tables = []
    for arm in ("dot", "cosine"):
        for seed in range(3):
            torch.manual_seed(seed)
            model = Factors(n_users, n_items, cosine=arm == "cosine")
            optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
            for _ in range(60):
                loss = -model(users).log_softmax(1).gather(1, events[:, :-1]).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            model.eval()
            tables.append(
                pd.DataFrame(
                    {
                        "arm": arm,
                        "seed": seed,
                        "user": users,
                        "target": targets,
                        "rank": ranks_of(model, users, targets, seen),
                        "popularity": popularity[targets],
                    }
                )
            )
    pd.concat(tables).to_csv(table, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
