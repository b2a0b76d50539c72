"""Claims 1, 2 and 7: the progress of training, and how far the retriever and the backbone have moved."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.checks.leads import share_error
from harness.engine.run import Run
from harness.probes.sample import ProbeSample, by_user_error, error_where, hits, paired_share_error


def course(run: Run) -> dict[str, float]:
    """Return the figure that chooses the checkpoint, its rise over the last epoch, and whether this epoch is the best.

    In a run's last entry this shows whether the validation metric was still rising at the end. All are NaN before
    training. Only epochs of the same part of training are compared; the first of a part has no rise.
    """
    nan = float("nan")
    if len(run.curve) == 1:
        return dict.fromkeys(("training.valid", "training.last_slope", "training.best_epoch_is_last"), nan)
    verdicts = [
        run.recipe.checkpoint.judge(run.progress(each.epoch - 1), each.valid_on, each.valid_off)
        for each in run.curve[1:]
    ]
    now = verdicts[-1]
    earlier = [each.figure for each in verdicts[:-1] if each.part == now.part]
    return {
        "training.valid": now.figure,
        "training.last_slope": now.figure - earlier[-1] if earlier else nan,
        "training.best_epoch_is_last": float(all(now.figure > each for each in earlier)) if earlier else nan,
    }


def retrieval(sample: ProbeSample) -> dict[str, float]:
    """Return the hit rate of the validation sample before training and now, and the difference's standard error.

    The error is for paired queries: only queries that gained or lost their hit contribute.
    """
    start, now = sample.past.hit, hits(sample.valid)
    change = now.float() - start.float()
    return {
        "training.hit_rate_start": start.float().mean().item(),
        "training.hit_rate": now.float().mean().item(),
        "training.hit_rate_error": paired_share_error(change.double().numpy()),
    }


def drift(sample: ProbeSample) -> dict[str, float]:
    """Measure the cosine of ``R(s)`` and ``s``, drift since the start, and hit rate on training minus validation."""
    forward, start = sample.valid, sample.past
    train = hits(sample.train).float()
    share = train.mean().item()
    by_user = by_user_error(train, sample.current.prefixes.user[sample.train_sample])
    cosine = torch.nn.functional.cosine_similarity(forward.query, forward.sequence)
    return {
        "retriever.query_to_sequence": cosine.mean().item(),
        "retriever.query_to_sequence_error": error_where(cosine, torch.ones_like(cosine, dtype=torch.bool)),
        "retriever.hit_rate_train": share,
        # Errors are clustered by user; without any hit that error is 0, so the binomial error is the lower bound.
        "retriever.hit_rate_train_error": max(share_error(share, len(train)), by_user),
        "retriever.hit_rate_gap": (train.mean() - hits(forward).float().mean()).item(),
        "retriever.query_drift": 1.0 - torch.nn.functional.cosine_similarity(forward.query, start.query).mean().item(),
        "retriever.query_cka": linear_cka(forward.query, start.query),
        "retriever.backbone_drift": 1.0
        - torch.nn.functional.cosine_similarity(forward.sequence, start.sequence).mean().item(),
        "retriever.backbone_cka": linear_cka(forward.sequence, start.sequence),
    }


def linear_cka(one: Tensor, two: Tensor) -> float:
    """Return the linear centred kernel alignment of two sets of vectors of the same queries, in [0, 1].

    Source: Kornblith et al., ICML 2019, section 3.
    """
    one, two = (each.double() - each.double().mean(dim=0) for each in (one, two))
    cross = (one.T @ two).norm() ** 2
    return (cross / ((one.T @ one).norm() * (two.T @ two).norm()).clamp(min=1e-12)).item()
