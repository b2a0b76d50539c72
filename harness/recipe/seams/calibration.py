"""Seam ``calibration``: the temperature of the scores' softmax before neighbours are mixed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs

Charge = Callable[[float], None]


def uncharged(seconds: float) -> None:
    """Ignore the seconds."""


class Calibration(Protocol):
    """A spec of the seam.

    Attributes:
        sees_validation: whether it uses targets of the validation set.
    """

    sees_validation: ClassVar[bool]

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        """Return the number above 0 by which the scores of a vector are divided.

        Args:
            inputs: data, backbone and encodings.
            charge: called with the seconds that a cached result originally took on these inputs.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncalibrated:
    """The backbone's softmax unchanged (temperature 1).  Source: FTragrec as published."""

    sees_validation: ClassVar[bool] = False

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        return 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTemperature:
    """A temperature that the study file gives.  Source: beyond the list."""

    sees_validation: ClassVar[bool] = False

    value: float

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTemperature:
    """The temperature that maximises the likelihood of the validation targets under the backbone alone.

    Source: beyond the list; Guo et al., "On calibration of modern neural networks", ICML 2017.
    """

    sees_validation: ClassVar[bool] = True

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        from harness.engine.live.mixing.temperature import fitted_temperature

        return fitted_temperature(inputs, charge)
