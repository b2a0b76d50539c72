"""The state of an unfinished pretraining, kept so that a killed one goes on where it was, to the same bits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.backbone.checkpoint import EpochFigures, read_tensors, write_tensors

STATE_FORMAT = "ftr-study pretraining 1"

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """Where a pretraining stands after a number of whole epochs.

    All randomness of an epoch follows from the seed and its number, so no generator is part of the state.

    Attributes:
        model: current weights.
        optimizer: Adam over the model's parameters, in their order.
        best: weights of the best epoch so far, by name.
        history: one entry an epoch.
        best_epoch: its number, 0 before the first.
        best_value: its figure on valid.
    """

    model: nn.Module
    optimizer: torch.optim.Adam
    best: dict[str, Tensor]
    history: list[EpochFigures]
    best_epoch: int = 0
    best_value: float = float("-inf")

    def keep_best(self, value: float) -> None:
        """Note the last epoch's figure on valid, and its weights where it is the best; ties leave the earlier one."""
        if value > self.best_value:
            self.best_value = value
            self.best_epoch = self.history[-1].epoch
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for number, parameter in enumerate(self.model.parameters()):
            for moment in _MOMENTS:
                tensors[f"adam.{number}.{moment}"] = self.optimizer.state[parameter][moment]
        described = {
            "history": [asdict(figures) for figures in self.history],
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
        }
        write_tensors(path, tensors, described, kind=STATE_FORMAT)

    def load(self, path: Path) -> None:
        """Become the state that was saved.

        Raises:
            InputError: the file is damaged or of another kind.
        """
        tensors, described = read_tensors(path, kind=STATE_FORMAT)
        self.model.load_state_dict(_below("model.", tensors))
        self.best = _below("best.", tensors)
        for number, parameter in enumerate(self.model.parameters()):
            self.optimizer.state[parameter] = {moment: tensors[f"adam.{number}.{moment}"] for moment in _MOMENTS}
        self.history = [EpochFigures(**figures) for figures in described["history"]]
        self.best_epoch, self.best_value = described["best_epoch"], described["best_value"]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
