"""Small values that backbones and their users exchange; no torch."""

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
    """Names of an encoder's groups of parameters, from the embeddings to the last block.

    Attributes:
        embeddings: groups in front of the blocks.
        blocks: one group for each block, first to last.
    """

    embeddings: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All groups in order."""
        return self.embeddings + self.blocks

    def last_blocks(self, n_blocks: int) -> tuple[str, ...]:
        """The last blocks, all of them where there are fewer.

        >>> ParameterGroups(embeddings=("items",), blocks=("one", "two")).last_blocks(1)
        ('two',)
        """
        return self.blocks[max(len(self.blocks) - n_blocks, 0) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """A field of a backbone that study files may set, and what a search of it explores.

    Attributes:
        meaning: one phrase, with the unit.
        low, high: inclusive bounds, of a number.
        search: the (low, high) that a search explores; None: it is not searched.
        log: searched on a logarithmic scale.
        choices: the only values, all of which a search goes through; empty: any between the bounds.
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
        loss: mean over targets of the cross-entropy, in nats.
        contrastive: mean over steps of the contrastive term, in nats; None in stages without it.
        valid: metric -> mean over users on valid.
        valid_error: standard error of the mean that epochs are chosen by.
        seconds: wall time of the epoch, its evaluation included.
    """

    epoch: int
    loss: float
    contrastive: float | None
    valid: Mapping[str, float]
    valid_error: float
    seconds: float


Progress = Callable[[int, int, EpochFigures], None]
"""Called after every epoch with its number, the largest number of epochs and what it brought."""


def check_precision(wanted: str) -> None:
    """Refuse a precision that is none.

    Raises:
        InputError: it is unknown.
    """
    if wanted not in PRECISIONS:
        raise InputError(
            f"precision {wanted!r} is unknown{did_you_mean(wanted, PRECISIONS)}; use one of {', '.join(PRECISIONS)}"
        )


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
    check_precision(wanted)
    if wanted == "float32" or wanted == "bfloat16":
        return wanted
    if device != "cpu" or not cpu_flags.is_file():
        return "float32"
    for line in cpu_flags.read_text().splitlines():
        if line.startswith("flags"):
            return "bfloat16" if _BFLOAT16_FLAGS & set(line.split()) else "float32"
    return "float32"
