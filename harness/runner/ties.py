"""Measures how much the metric depends on file order among held-out events: ranks the test set in other orders too.

Only a user's validation and test events with the same timestamp are exchanged. If training events moved into the test
set, the backbone would be tested on events that it was trained on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED
from harness.data.protocol import Protocol as StudyProtocol
from harness.data.report import exchangeable, n_decided_by_ties, tied_events, with_held_out_exchanged
from harness.data.split import split_prefixes
from harness.device import computing_on, computing_threads
from harness.engine.types.streams import Streams
from harness.errors import EnvironmentProblem
from harness.files import Sealed
from harness.imports.backbone_file import BackboneFile
from harness.modes.plan import BackboneRef
from harness.results.metrics import check_metric
from harness.runner.shared import SHARED_THREADS, SharedStages

if TYPE_CHECKING:
    from harness.backbones.encoder import Encoder

LEAST_SHARE = 0.01
"""Smallest share of users with exchangeable validation and test events; below it nothing is measured."""

N_SHUFFLES = 5
WHAT = "backbone alone, replicate 0"


def measure_ties(stages: SharedStages, tell: Callable[[str], None]) -> None:
    """Rank the test set with replicate 0's backbone, as read and with tied held-out events exchanged; cache the result.

    Nothing is computed if too few users have such a pair, if the result is cached, or if there is no backbone.

    Args:
        stages: what the cells of a study share.
        tell: called with the result, one sentence.
    """
    from harness.backbones.tensor_file import DamagedCheckpointError
    from harness.backbones.training import load_backbone

    found = _TIES.read(_path(stages))
    backbone = stages.files(BackboneRef(0)).backbone
    n_exchanged = int(exchangeable(stages.data, stages.prefixes.held_out).sum())
    if found is None and n_exchanged >= max(1, LEAST_SHARE * stages.data.n_users) and backbone.exists():
        try:
            model = load_backbone(type(stages.spec), backbone).model
        except DamagedCheckpointError as problem:
            tell(f"tied timestamps: effect not measured; {problem}")
            return
        found = _measured(stages, model, n_exchanged)
        _TIES.write(_path(stages), found)
    if found is not None:
        tell(_sentence(found, stages.data.n_users, stages.study.protocol))


def known_ties(stages: SharedStages) -> dict[str, Any] | None:
    """Return the cached result of :func:`measure_ties` for these stages; None if no readable file exists."""
    try:
        return _TIES.read(_path(stages))
    except EnvironmentProblem:  # measure_ties raises it too, and the manifest is written without the result
        return None


def _measured(stages: SharedStages, model: Encoder, n_exchanged: int) -> dict[str, Any]:
    protocol, held_out = stages.study.protocol, stages.prefixes.held_out
    n_users = n_decided_by_ties(stages.data, held_out)
    metric = check_metric(stages.study.primary)
    streams = Streams(study_seed=stages.study.seed, replicate=0)
    orders = [
        with_held_out_exchanged(stages.data, streams.integer("ties", turn), held_out) for turn in range(N_SHUFFLES)
    ]
    with computing_threads(SHARED_THREADS), computing_on(stages.device):
        model.to(stages.device).eval()
        as_read, *shuffled = (metric.mean(_test_ranks(model, data, protocol)) for data in (stages.data, *orders))
    return {
        "metric": stages.study.primary,
        "n_users": n_users,
        "share": n_users / stages.data.n_users,
        "n_exchanged": n_exchanged,
        "as_read": float(as_read),
        "shuffled": [float(value) for value in shuffled],
        "what": WHAT,
    }


def _test_ranks(
    model: Encoder, data: Interactions, protocol: StudyProtocol = AS_PUBLISHED
) -> np.ndarray[Any, np.dtype[np.int32]]:
    from harness.backbones.ranking import ranks_alone

    prefixes = split_prefixes(data, protocol)
    return ranks_alone(model, data, prefixes, prefixes.test)


def _path(stages: SharedStages) -> Path:
    """The cache file of the figures, named by a digest of everything that decides them."""
    given = isinstance(stages.study.backbone, BackboneFile)
    parts = (
        stages.backbone_key(BackboneRef(0)),
        stages.data.fingerprint() if given else "",
        stages.study.primary,
        stages.study.seed,
        stages.study.protocol.of_backbone(),
        "held-out exchanged",
    )
    digest = hashlib.sha256(repr(parts).encode() + np.packbits(tied_events(stages.data)).tobytes()).hexdigest()
    return stages.folder / "ties" / f"{digest[:20]}.json"


def _sentence(found: dict[str, Any], n_users: int, protocol: StudyProtocol) -> str:
    low, high = min(found["shuffled"]), max(found["shuffled"])
    one_each = protocol.targets == protocol.valid_targets == 1
    decided = "the validation or test target" if one_each else "a validation or test target"
    events = "the validation and the test event" if one_each else "the validation and test events"
    whom = "for whom these have the same timestamp" if one_each else "for whom some of these have the same timestamp"
    return (
        f"tied timestamps: file order decides {decided} of {found['n_users']} of "
        f"{n_users} users ({found['share']:.0%}); {found['metric']} of the {found['what']}: {found['as_read']:.4f} in "
        f"file order, {low:.4f} to {high:.4f} in {len(found['shuffled'])} random orders of {events} "
        f"of the {found['n_exchanged']} users {whom} (training events are not shuffled)"
    )


_TIES = Sealed(
    title="ties 2",
    encode=lambda found: json.dumps(found).encode(),
    decode=json.loads,
    then="measured again",
)
