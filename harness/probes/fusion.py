"""Claim 4: how mixing changes the vector that scores, and the upper bound of any mixing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.types.forward import Forward
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.vectors import Vectors
from harness.probes.sample import ProbeSample, error_where, mean_where, ranks_of, standard_error
from harness.results.evidence import PROBED_METRIC
from harness.results.metrics import metric_values

ALPHAS = tuple(step / 10 for step in range(11))
"""The grid of shares from which an oracle takes the best per user."""


def measure(sample: ProbeSample) -> dict[str, float]:
    """Measure norms, the angle between enhanced vector and ``s``, and the replaced share of the backbone's top 10."""
    forward = sample.valid
    some = forward.neighbours.any
    angle = torch.nn.functional.cosine_similarity(forward.enhanced, forward.sequence).clamp(-1.0, 1.0).acos()
    top = min(10, sample.current.data.n_items)
    tops = [scores.topk(top, dim=1).indices for scores in (sample.backbone_scores, sample.enhanced_scores)]
    kept = (tops[0][:, :, None] == tops[1][:, None]).any(dim=2).float().mean(dim=1)
    lengths = forward.knowledge.norm(dim=1) / forward.sequence.norm(dim=1)
    return {
        "fusion.sequence_norm": forward.sequence.norm(dim=1).mean().item(),
        "fusion.key_norm": mean_where(forward.keys.norm(dim=2), forward.neighbours.mask),
        "fusion.knowledge_to_sequence": mean_where(lengths, some),
        "fusion.knowledge_to_sequence_error": error_where(lengths, some),
        "fusion.top10_replaced_error": error_where(1.0 - kept, some),
        "fusion.angle_degrees": mean_where(angle.rad2deg(), some),
        "fusion.top10_replaced": mean_where(1.0 - kept, some),
        "fusion.with_neighbours": some.float().mean().item(),
    }


def head_room(sample: ProbeSample, metric: str = PROBED_METRIC) -> dict[str, float]:
    """Measure the gain of oracles that know each validation target, with own and with shuffled neighbours.

    ``alpha`` takes the best share of the knowledge per user on a grid, with the knowledge at the norm of ``s``;
    ``switch`` turns the run's own retrieval on or off per user. An oracle gains even from random neighbours; only its
    margin over the same oracle on shuffled neighbours is real head-room. Shuffled, ``switch`` chooses between the
    backbone and the run's scores with another user's neighbours; NaN if the scorer's neighbours cannot be shuffled.
    """
    own, shuffled = (oracle_by_alpha(sample, metric, shuffle=shuffle) for shuffle in (False, True))
    off = metric_values(ranks_of(sample.backbone_scores, sample.valid.target), metric)
    on = metric_values(ranks_of(sample.enhanced_scores, sample.valid.target), metric)
    other = scores_with_neighbours_of_another(sample)
    switched = None if other is None else np.maximum(metric_values(ranks_of(other, sample.valid.target), metric), off)
    return {
        "head_room.off": float(off.mean()),
        "head_room.on": float(on.mean()),
        "head_room.oracle_alpha": float(own.max(axis=0).mean()),
        "head_room.oracle_alpha_shuffled": float(shuffled.max(axis=0).mean()),
        "head_room.oracle_alpha_error": standard_error(own.max(axis=0) - shuffled.max(axis=0)),
        "head_room.best_common_alpha": ALPHAS[int(own.mean(axis=1).argmax())],
        "head_room.best_common": float(own.mean(axis=1).max()),
        "head_room.best_common_error": standard_error(own[int(own.mean(axis=1).argmax())] - off),
        "head_room.oracle_switch_error": float("nan")
        if switched is None
        else standard_error(np.maximum(on, off) - switched),
        "head_room.oracle_alpha_spread": float(np.asarray(ALPHAS)[own.argmax(axis=0)].std()),
        "head_room.oracle_switch": float(np.maximum(on, off).mean()),
        "head_room.oracle_switch_shuffled": float("nan") if switched is None else float(switched.mean()),
    }


class SearchForAnother:
    """An index that returns for each query the hits of the previous query in the batch."""

    def __init__(self, index: LiveIndex) -> None:
        self._index = index

    def search(self, query: Vectors, sequence: Vectors, n_hits: int) -> tuple[Vectors, Indices]:
        """Return the previous query's hits, with the cosines to that query."""
        return self._index.search(np.roll(query, 1, axis=0), np.roll(sequence, 1, axis=0), n_hits)


def forward_of_another(sample: ProbeSample) -> Forward:
    """Return the validation sample with the previous query's hits, without those that are forbidden for the query."""
    run, snapshot = sample.run, sample.run.manager.snapshot
    other = replace(snapshot, index=SearchForAnother(snapshot.index))
    with torch.no_grad():
        return run.system.forward(
            sequence=sample.valid.sequence,
            prefix=sample.valid.retrieved.prefix,
            snapshot=other,
            progress=sample.progress,
        )


def scores_with_neighbours_of_another(sample: ProbeSample) -> Tensor | None:
    """Return the run's scores of the validation sample with another user's neighbours, ``(n, n_items)``, or None."""
    run, valid = sample.run, sample.valid
    snapshot = run.manager.snapshot
    prefix, sequence, live, enhanced = valid.retrieved.prefix, valid.sequence, snapshot.scorer, valid.enhanced
    if snapshot.reranker is not None or (not run.recipe.scorer.reads_enhanced and not isinstance(live, Mixing)):
        return None  # fitted weights are valid only for a query's own neighbours
    with torch.no_grad():
        if run.recipe.scorer.reads_enhanced:
            enhanced = forward_of_another(sample).enhanced
        if isinstance(live, Mixing):
            live = live.mixing([each.of_another(sample.current) for each in live.masses])
        hidden = sample.no_candidates
        return sample.hide(live.scores(sequence=sequence, enhanced=enhanced, prefix=prefix, hidden=hidden)[:, 1:])


def oracle_by_alpha(sample: ProbeSample, metric: str, *, shuffle: bool) -> np.ndarray:
    """Return the metric of each validation query at each share of :data:`ALPHAS`, ``(n_alphas, n)``.

    Scores are linear in the vector, so the scores of a mixture are the mixture of the scores of ``s`` and of the
    knowledge at the norm of ``s``; if shuffled, the previous query's knowledge. If the protocol forbids entries to
    queries, shuffled knowledge is computed from the previous query's hits that are permitted for this query.
    """
    forward, apart, prefixes = sample.valid, sample.backbone_scores, sample.current.prefixes
    if not shuffle:
        knowledge = forward.knowledge
    elif prefixes.protocol.keeps_entries_back:
        knowledge = forward_of_another(sample).knowledge
    else:
        knowledge = forward.knowledge.roll(1, dims=0)
    length = forward.sequence.norm(dim=1, keepdim=True)
    with torch.no_grad():
        stretched = knowledge * (length / knowledge.norm(dim=1, keepdim=True).clamp(min=1e-12))
        other = sample.hide(stretched @ sample.current.item_matrix[1:].T)
        buffer = torch.empty_like(other)
        mixed = (torch.lerp(apart, other, alpha, out=buffer) for alpha in ALPHAS)
        return np.stack([metric_values(ranks_of(scores, forward.target), metric) for scores in mixed])
