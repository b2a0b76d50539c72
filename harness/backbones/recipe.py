"""The numbers that decide a training whose epoch the validation set chooses; no torch."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backbones.values import check_precision
from harness.errors import InputError


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        InputError: names the first.
    """
    for name, value in sizes.items():
        if value < 1:
            raise InputError(f"{name} is {value}; give 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """How long a backbone is trained, by which steps, and how its epoch is chosen: one recipe for every data set.

    The length of training is counted in *visits*, targets seen per catalogue item, because that is what an item's
    embedding is learnt from: one pass over ml-100k visits an item 71 times, one over Amazon Beauty 11 times. Adam's
    step size falls after ``decay_visits`` and training ends after ``visits``.

    The backbone is the last epoch whose ``selection`` on valid is within one standard error of the best: differences
    below that are noise, and later epochs have learnt more. Training ends early once the last
    ``max(min_patience, patience_share x that epoch)`` epochs have all been worse.

    Attributes:
        hidden_size: width of items and of the vector of a history.
        max_length: longest history, in items.
        dropout: rate, in [0, 1).
        learning_rate, final_learning_rate: Adam's step size before and after ``decay_visits``.
        decay_visits, visits: targets per item after which the step size falls and training ends.
        min_patience, patience_share: how many epochs in a row that are worse end the training, at least, and as a
            fraction of the chosen epoch's number.
        selection: metric on valid that chooses the epoch.
        precision: of the products in the catalogue softmax: ``bfloat16``, ``float32``, or ``auto``, which takes
            bfloat16 where the CPU multiplies it in hardware.
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
        """Passes over ``n_targets`` training targets that visit each of ``n_items`` items so often, at least 1."""
        return max(1, round(visits * n_items / n_targets))

    def patience(self, chosen_epoch: int) -> int:
        """Worse epochs after ``chosen_epoch`` that end the training."""
        return max(self.min_patience, round(self.patience_share * chosen_epoch))
