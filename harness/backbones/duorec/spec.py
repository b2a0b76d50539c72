"""Every number that decides a backbone, the precision it is trained in, and the key it is cached under."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.device import Device, device_key
from harness.errors import InputError, did_you_mean
from harness.source_hash import backbone_hash, metric_hash

Precision = Literal["float32", "bfloat16"]

_PRECISIONS = ("auto", "float32", "bfloat16")
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})

PACKAGE = __name__.rpartition(".")[0]

LATER: dict[str, Any] = {"n_sampled": 0}
"""Fields that older files lack, with the value that is meant there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """DuoRec and the one recipe it is trained by on every data set.

    The length of training is counted in *visits*, targets seen per catalogue item, because that is what an item's
    embedding is learnt from: one pass over ml-100k visits an item 71 times, one over Amazon Beauty 11 times. Adam's
    step size falls after ``decay_visits`` and training ends after ``visits``. The contrastive term joins after
    ``warmup_epochs`` passes of cross-entropy alone, without which it slows learning down; a dense catalogue is through
    before that and does without it.

    The backbone is the last epoch whose ``selection`` on valid is within one standard error of the best: differences
    below that are noise, and later epochs have learnt more. Training ends early once the last
    ``max(min_patience, patience_share x that epoch)`` epochs have all been worse.

    Attributes:
        hidden_size: width of items, positions and states.
        n_layers, n_heads, inner_size: transformer blocks, heads in each, width of the feed-forward part.
        max_length: longest history, in items.
        dropout: rate of embedding, attention and hidden dropout, in [0, 1).
        init_std: standard deviation of the normal initialisation.
        layer_norm_eps: added to the variance in LayerNorm.
        stride: step between the windows that a history over ``max_length`` is trained on, in items; a target has at
            least ``max_length - stride`` items of context, or its whole history.
        batch_tokens: input items in a training step, on average.
        learning_rate, final_learning_rate: Adam's step size before and after ``decay_visits``.
        warmup_epochs: passes before the contrastive term joins.
        decay_visits, visits: targets per item after which the step size falls and training ends.
        contrastive_weight, contrastive_temperature, anchors: factor, temperature and samples a step of the
            contrastive term.
        min_patience, patience_share: how many epochs in a row that are worse end the training, at least, and as a
            fraction of the chosen epoch's number.
        selection: metric on valid that chooses the epoch.
        precision: of the products in the catalogue softmax: ``bfloat16``, ``float32``, or ``auto``, which takes
            bfloat16 where the CPU multiplies it in hardware.
        n_sampled: negatives that a step draws for a sampled softmax, whose products are float32; 0: the softmax is over
            the whole catalogue.

    Source: Qiu et al., "Contrastive Learning for Representation Degeneration Problem in Sequential Recommendation",
    WSDM 2022. Departs from it in packed training, the cross-entropy warm-up and the weight of the contrastive term.
    """

    hidden_size: int = 64
    n_layers: int = 2
    n_heads: int = 2
    inner_size: int = 256
    max_length: int = 50
    dropout: float = 0.5
    init_std: float = 0.02
    layer_norm_eps: float = 1e-12
    stride: int = 25
    batch_tokens: int = 768
    learning_rate: float = 1e-3
    final_learning_rate: float = 5e-4
    warmup_epochs: int = 20
    decay_visits: int = 390
    visits: int = 560
    contrastive_weight: float = 0.01
    contrastive_temperature: float = 1.0
    anchors: int = 128
    min_patience: int = 5
    patience_share: float = 0.5
    selection: str = "ndcg@10"
    precision: str = "auto"
    n_sampled: int = 0

    def __post_init__(self) -> None:
        if self.hidden_size % self.n_heads:
            raise InputError(f"hidden_size {self.hidden_size} is no multiple of n_heads {self.n_heads}; change one")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; give a fraction in [0, 1)")
        if not 0 < self.stride <= self.max_length:
            raise InputError(f"stride is {self.stride}; give one between 1 and max_length {self.max_length}")
        if self.precision not in _PRECISIONS:
            raise InputError(
                f"precision {self.precision!r} is unknown{did_you_mean(self.precision, _PRECISIONS)}; "
                f"use one of {', '.join(_PRECISIONS)}"
            )
        if self.n_sampled < 0:
            raise InputError(f"n_sampled is {self.n_sampled}; give a number of negatives, or 0 for all items")

    def described(self) -> dict[str, Any]:
        """Every field as files and keys have it: those of :data:`LATER` only where they say something else."""
        fields = asdict(self)
        return {name: value for name, value in fields.items() if name not in LATER or value != LATER[name]}

    def digest(self) -> str:
        """A hash of every field, 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:16]

    def epochs_of(self, visits: int, *, n_targets: int, n_items: int) -> int:
        """Passes over ``n_targets`` training targets that visit each of ``n_items`` items so often, at least 1.

        >>> BackboneSpec().epochs_of(560, n_targets=131413, n_items=12101)
        52
        """
        return max(1, round(visits * n_items / n_targets))

    def patience(self, chosen_epoch: int) -> int:
        """Worse epochs after ``chosen_epoch`` that end the training."""
        return max(self.min_patience, round(self.patience_share * chosen_epoch))


DEFAULT = BackboneSpec()
"""The one recipe of all studies."""


@cache
def resolve_precision(wanted: str, *, device: str = "cpu", cpu_flags: Path = Path("/proc/cpuinfo")) -> Precision:
    """The precision that ``wanted`` means on this machine.

    Args:
        wanted: ``auto``, ``float32`` or ``bfloat16``.
        device: that computes; off the CPU ``auto`` is float32.
        cpu_flags: the file in which the operating system lists the CPU's flags; without it ``auto`` is float32.

    Raises:
        InputError: ``wanted`` is none of the three.
    """
    if wanted == "float32" or wanted == "bfloat16":
        return wanted
    if wanted != "auto":
        raise InputError(f"precision {wanted!r} is unknown; use one of {', '.join(_PRECISIONS)}")
    if device != "cpu" or not cpu_flags.is_file():
        return "float32"
    for line in cpu_flags.read_text().splitlines():
        if line.startswith("flags"):
            return "bfloat16" if _BFLOAT16_FLAGS & set(line.split()) else "float32"
    return "float32"


def backbone_key(
    spec: BackboneSpec, *, fingerprint: str, seed: int, threads: int, precision: Precision, device: Device = "cpu"
) -> str:
    """The name of the backbone that these inputs make, 20 hexadecimal digits.

    Everything that can change its bits goes in: the specification, the data, the seed, the number of threads (sums
    are split by it), the precision, what this package's code does and torch's version.

    Args:
        spec: the backbone.
        fingerprint: hash of the data, of ``Interactions.fingerprint``.
        seed: of initialisation, order and dropout.
        threads: that training uses.
        precision: resolved by :func:`resolve_precision`.
        device: that it is trained on; the CPU leaves no mark.
    """
    torch_version = ".".join(importlib.metadata.version("torch").split(".")[:2])
    code = backbone_hash(PACKAGE) + metric_hash(spec.selection)
    parts = (spec.digest(), fingerprint, str(seed), str(threads), precision, code, torch_version)
    if device != "cpu":
        parts = (*parts, device_key(device))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
