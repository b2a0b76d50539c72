"""Seam ``calibration``: the temperature of the backbone's softmax before neighbours join it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs

Charge = Callable[[float], None]


def uncharged(seconds: float) -> None:
    """Nobody is."""


class Calibration(Protocol):
    """A spec of the seam.

    Attributes:
        sees_validation: whether it reads targets of the validation set.
    """

    sees_validation: ClassVar[bool]

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        """What the scores of a vector are divided by, above 0.

        Args:
            inputs: data, backbone and encodings.
            charge: told the seconds of what was computed before on these inputs.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncalibrated:
    """The softmax as the backbone has it.  Source: FTragrec as found."""

    sees_validation: ClassVar[bool] = False

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        return 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTemperature:
    """A temperature that the study names.  Source: family 0."""

    sees_validation: ClassVar[bool] = False

    value: float

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTemperature:
    """The temperature at which validation targets are most likely by the backbone alone.

    Source: family 0; Guo et al., "On calibration of modern neural networks", ICML 2017.
    """

    sees_validation: ClassVar[bool] = True

    def temperature(self, inputs: Inputs, charge: Charge = uncharged) -> float:
        from harness.engine.live.mixing.temperature import fitted_temperature

        return fitted_temperature(inputs, charge)
