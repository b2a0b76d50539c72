"""Beyond the seed: how much of the list goes to what the user has had, and what the list is worth without it."""

from __future__ import annotations

from harness.diagnostics.moment import Moment, ranks_of, standard_error
from harness.ftragrec.candidates import UnseenItems, without
from harness.metrics import metric_values


def measure(moment: Moment, metric: str = "ndcg@10") -> dict[str, float]:
    """Of the run's own list for the valid queries, and of the same list with the user's history hidden."""
    scores, target = moment.enhanced_scores, moment.valid.target
    had = UnseenItems().hidden(moment.valid_sample, moment.inputs)
    top = scores.topk(min(10, scores.shape[1]), dim=1).indices
    served = metric_values(ranks_of(scores, target), metric)
    unseen = metric_values(ranks_of(without(had, scores.clone()), target), metric)
    return {
        "top10_seen": had.gather(1, top).float().mean().item(),
        "targets_seen": had.gather(1, target[:, None] - 1).float().mean().item(),
        "served": float(served.mean()),
        "unseen": float(unseen.mean()),
        "unseen_error": standard_error(unseen - served),
    }
