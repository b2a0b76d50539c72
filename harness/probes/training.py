"""Claims 1 and 2: what the whole course of training came to."""

from __future__ import annotations

from harness.engine.run import Run
from harness.probes.past import Past
from harness.probes.sample import Moment, hits
from harness.results.record import EpochPoint


def measure(run: Run, point: EpochPoint) -> dict[str, float]:
    """What the checkpoint is chosen by, its rise over the epoch before, and whether this epoch is the best so far.

    In the last entry of a diary: whether valid was still rising when the run ended. All NaN before training; only
    epochs of the same part of training are compared, and the first of a part has no rise.
    """
    nan = float("nan")
    if point.epoch == 0:
        return {"valid": nan, "last_slope": nan, "best_epoch_is_last": nan}
    verdicts = [
        run.recipe.checkpoint.judge(run.progress(each.epoch - 1), each.valid_on, each.valid_off)
        for each in run.curve[1 : point.epoch + 1]
    ]
    now = verdicts[-1]
    earlier = [each.figure for each in verdicts[:-1] if each.part == now.part]
    return {
        "valid": now.figure,
        "last_slope": now.figure - earlier[-1] if earlier else nan,
        "best_epoch_is_last": float(all(now.figure > each for each in earlier)) if earlier else nan,
    }


def retrieval(moment: Moment, start: Past) -> dict[str, float]:
    """The hit rate of the valid sample before training and now, and the standard error of the difference.

    The error is that of paired queries: only those that gained or lost their hit count.
    """
    now = hits(moment.valid)
    change = now.float() - start.hit.float()
    error = change.std().item() / len(change) ** 0.5 if len(change) > 1 else float("nan")
    return {
        "hit_rate_start": start.hit.float().mean().item(),
        "hit_rate": now.float().mean().item(),
        "hit_rate_error": error,
    }
