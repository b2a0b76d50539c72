"""The settings of a training whose epoch is chosen on the validation set. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backbones.values import check_precision
from harness.errors import InputError


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        InputError: a size is below 1; the message names the first such size.
    """
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name} is {value}; give 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """Length of training, step sizes and choice of the epoch: one recipe for every data set.

    The length of training is counted in *visits*, targets seen per catalogue item, because an item's embedding is
    learnt from those: one pass over ml-100k visits an item 71 times, one over Amazon Beauty 11 times. Adam's step size
    falls after ``decay_visits``, and training ends after ``visits``.

    The chosen epoch is the last one whose ``selection`` on the validation set is within one standard error of the best:
    smaller differences are noise, and later epochs have learnt more. Training ends early once
    ``max(min_patience, patience_share x chosen epoch)`` epochs have passed since the chosen one.

    Attributes:
        hidden_size: width of an item's vector and of a history's vector.
        max_length: longest history, in items.
        dropout: rate, in [0, 1).
        learning_rate, final_learning_rate: Adam's step size before and after ``decay_visits``.
        decay_visits, visits: targets per item after which the step size falls, and after which training ends.
        min_patience, patience_share: worse epochs in a row that end the training: the minimum, and as a fraction of the
            chosen epoch's number.
        selection: validation metric that chooses the epoch.
        precision: precision of the products in the catalogue softmax: ``bfloat16``, ``float32``, or ``auto``: bfloat16
            if the CPU multiplies it in hardware.
    """

    hidden_size: int = 64
    max_length: int = 50
    dropout: float = 0.5
    learning_rate: float = 1e-3
    final_learning_rate: float = 5e-4
    decay_visits: int = 390
    visits: int = 560
    min_patience: int = 5
    patience_share: float = 0.5
    selection: str = "ndcg@10"
    precision: str = "auto"

    def __post_init__(self) -> None:
        check_sizes(hidden_size=self.hidden_size, max_length=self.max_length)
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; give a fraction in [0, 1)")
        check_precision(self.precision)

    def epochs_of(self, visits: int, *, n_targets: int, n_items: int) -> int:
        """Return the number of epochs that give ``n_items`` items ``visits`` targets each on average, at least 1."""
        return max(1, round(visits * n_items / n_targets))

    def patience(self, chosen_epoch: int) -> int:
        """Return the number of worse epochs after ``chosen_epoch`` that ends the training."""
        return max(self.min_patience, round(self.patience_share * chosen_epoch))
