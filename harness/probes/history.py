"""Beyond the seed: how much of the list goes to what the user has had, and what the list is worth without it."""

from __future__ import annotations

from harness.probes.sample import Moment, ranks_of, standard_error
from harness.recipe.seams.scorer import UnseenItems, hide
from harness.results.metrics import metric_values


def measure(moment: Moment, metric: str = "ndcg@10") -> dict[str, float]:
    """Of the valid queries' scores with retrieval, as they are and with each user's history hidden."""
    scores, target = moment.enhanced_scores, moment.valid.target
    had = UnseenItems().hidden(moment.valid_sample, moment.current)
    top = scores.topk(min(10, scores.shape[1]), dim=1).indices
    all_items = metric_values(ranks_of(scores, target), metric)
    unseen = metric_values(ranks_of(hide(had, scores.clone()), target), metric)
    return {
        "top10_seen": had.gather(1, top).float().mean().item(),
        "targets_seen": had.gather(1, target[:, None] - 1).float().mean().item(),
        "all_items": float(all_items.mean()),
        "unseen_items": float(unseen.mean()),
        "gain_error": standard_error(unseen - all_items),
    }
