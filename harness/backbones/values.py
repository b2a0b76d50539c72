"""Small value types shared by backbones and the code that uses them. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from harness.errors import InputError, did_you_mean

Precision = Literal["float32", "bfloat16"]

PRECISIONS = ("auto", "float32", "bfloat16")
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroups:
    """Names of an encoder's parameter groups, from the embeddings to the last block.

    Attributes:
        embeddings: groups before the blocks.
        blocks: one group per block, first to last.
    """

    embeddings: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All groups in order."""
        return self.embeddings + self.blocks

    def last_blocks(self, n_blocks: int) -> tuple[str, ...]:
        """Return the last ``n_blocks`` blocks; all blocks if there are fewer.

        >>> ParameterGroups(embeddings=("items",), blocks=("one", "two")).last_blocks(1)
        ('two',)
        """
        return self.blocks[max(len(self.blocks) - n_blocks, 0) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """A field of a backbone that study files may set, and the range that a search explores.

    Attributes:
        meaning: one phrase, with the unit.
        low, high: inclusive bounds of a number.
        search: the (low, high) that a search explores; None: not searched.
        log: whether the search uses a logarithmic scale.
        choices: the allowed values, and a search explores all of them; empty: any value between the bounds.
    """

    meaning: str
    low: float = 0.0
    high: float = math.inf
    search: tuple[float, float] | None = None
    log: bool = False
    choices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFigures:
    """One epoch of pretraining.

    Attributes:
        epoch: from 1.
        loss: mean cross-entropy over targets, in nats.
        contrastive: mean contrastive term over steps, in nats; None in epochs without it.
        valid: metric -> mean over users on the validation set.
        valid_error: standard error of the mean of the metric that chooses the epoch.
        seconds: wall time of the epoch, its evaluation included.
    """

    epoch: int
    loss: float
    contrastive: float | None
    valid: Mapping[str, float]
    valid_error: float
    seconds: float


Progress = Callable[[int, int, EpochFigures], None]
"""Called after every epoch with its number, the maximum number of epochs, and the epoch's figures."""


def check_precision(wanted: str) -> None:
    """Refuse an unknown precision.

    Raises:
        InputError: the precision is not in :data:`PRECISIONS`.
    """
    if wanted not in PRECISIONS:
        raise InputError(
            f"precision {wanted!r} is unknown{did_you_mean(wanted, PRECISIONS)}; use one of {', '.join(PRECISIONS)}"
        )


@cache
def resolve_precision(wanted: str, *, device: str = "cpu", cpu_flags: Path = Path("/proc/cpuinfo")) -> Precision:
    """Return the precision that ``wanted`` selects on this machine.

    Args:
        wanted: ``auto``, ``float32`` or ``bfloat16``.
        device: device that computes; ``auto`` is float32 on any device but the CPU.
        cpu_flags: file in which the operating system lists the CPU's flags; without it ``auto`` is float32.

    Raises:
        InputError: ``wanted`` is not one of the three.
    """
    check_precision(wanted)
    if wanted == "float32" or wanted == "bfloat16":
        return wanted
    if device != "cpu" or not cpu_flags.is_file():
        return "float32"
    for line in cpu_flags.read_text().splitlines():
        if line.startswith("flags"):
            return "bfloat16" if _BFLOAT16_FLAGS & set(line.split()) else "float32"
    return "float32"
