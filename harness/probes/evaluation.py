"""Claim 8 and more: same neighbours in training and evaluation? What do retrieval and hiding the history change?"""

from __future__ import annotations

from harness.probes.sample import ProbeSample, clustered_error, ranks_of, standard_error
from harness.recipe.seams.candidates import UnseenItems, hide
from harness.results.evidence import PROBED_METRIC
from harness.results.metrics import metric_values


def overlap(sample: ProbeSample) -> dict[str, float]:
    """Measure which share of the training samples' neighbours in evaluation are also retrieved in training."""
    trained, plain = sample.noisy_training()
    noisy, clean, user = trained.neighbours, plain.neighbours, sample.current.prefixes.user[plain.retrieved.prefix]
    same = (clean.entry[:, :, None] == noisy.entry[:, None]) & clean.mask[:, :, None] & noisy.mask[:, None]
    return {
        "evaluation.train_eval_overlap": same.any(dim=2).sum().item() / max(int(clean.mask.sum()), 1),
        "evaluation.train_eval_overlap_error": clustered_error(same.any(dim=2).float(), clean.mask, user),
    }


def sizes(sample: ProbeSample) -> dict[str, float]:
    """Return the numbers of queries that figures are measured on."""
    return {
        "sample.valid": float(len(sample.valid_sample)),
        "sample.train": float(len(sample.train_sample)),
        "sample.few": float(len(sample.few.valid_sample)),
    }


def on_and_off(sample: ProbeSample) -> dict[str, float]:
    """Return the metric that chooses the checkpoint, on the whole validation set: on, off, and off before training.

    Standard errors of differences are from the sampled queries, one per user, rescaled to the number of all users.
    """
    metric, curve, past = sample.run.recipe.checkpoint.metric, sample.run.curve, sample.past
    on, off = sample.valued_on, sample.valued_off
    scale = (len(on) / len(sample.current.prefixes.held_out)) ** 0.5
    first, before = past.first_off, past.served
    return {
        "evaluation.retrieval_error": scale * standard_error(on - off),
        "evaluation.off_error": float("nan") if first is None else scale * standard_error(off - first),
        "training.last_slope_error": float("nan") if before is None else scale * standard_error(on - before),
        "evaluation.valid_on": curve[-1].valid_on.get(metric, float("nan")),
        "evaluation.valid_off": curve[-1].valid_off.get(metric, float("nan")),
        "evaluation.first_off": curve[0].valid_off[metric],
    }


def history(sample: ProbeSample, metric: str = PROBED_METRIC) -> dict[str, float]:
    """Measure the share of already seen items in the top 10 and the gain of hiding them, with retrieval on."""
    scores, target = sample.enhanced_scores, sample.valid.target
    had = UnseenItems().hidden(sample.valid_sample, sample.current)
    top = scores.topk(min(10, scores.shape[1]), dim=1).indices
    all_items = metric_values(ranks_of(scores, target), metric)
    unseen = metric_values(ranks_of(hide(had, scores.clone()), target), metric)
    return {
        "history.top10_seen": had.gather(1, top).float().mean().item(),
        "history.targets_seen": had.gather(1, target[:, None] - 1).float().mean().item(),
        "history.all_items": float(all_items.mean()),
        "history.unseen_items": float(unseen.mean()),
        "history.gain_error": standard_error(unseen - all_items),
    }
