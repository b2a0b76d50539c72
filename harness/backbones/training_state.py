"""The saved state of an unfinished pretraining: a killed one resumes from it and ends with the same bits."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.backbones.tensor_file import DamagedCheckpointError, read_tensors, set_aside, write_tensors
from harness.backbones.values import EpochFigures

log = logging.getLogger(__name__)

STATE_FORMAT = "ftr-study pretraining 1"


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """A pretraining after a number of whole epochs.

    All randomness of an epoch follows from the seed and the epoch's number, so no generator is part of the state.

    Attributes:
        model: the model with its current weights.
        optimizer: Adam over the model's parameters, in their order.
        history: one entry per epoch.
        chosen: weights of the epoch chosen so far, by name.
        chosen_epoch: number of that epoch; 0 before the first.
    """

    model: nn.Module
    optimizer: torch.optim.Adam
    history: list[EpochFigures] = field(default_factory=list)
    chosen: dict[str, Tensor] = field(default_factory=dict)
    chosen_epoch: int = 0

    def close_epoch(self, figures: EpochFigures, metric: str) -> None:
        """Record an epoch's figures; if it is the chosen epoch, also its weights.

        An epoch is chosen if its validation metric is within one standard error of the best so far: of epochs that the
        metric cannot tell apart, the latest has learnt most, and the noise of 1000 users exceeds the gain of 5 epochs.
        """
        self.history.append(figures)
        best = max(self.history, key=lambda earlier: earlier.valid[metric])
        if figures.valid[metric] >= best.valid[metric] - best.valid_error:
            self.chosen_epoch = figures.epoch
            self.chosen = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the state atomically."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"chosen.{name}": tensor for name, tensor in self.chosen.items()}
        for number, parameter in enumerate(self.model.parameters()):
            for moment, tensor in self.optimizer.state.get(parameter, {}).items():  # none before its first gradient
                tensors[f"adam.{number}.{moment}"] = tensor
        described = {"history": [asdict(figures) for figures in self.history], "chosen_epoch": self.chosen_epoch}
        write_tensors(path, tensors, described, kind=STATE_FORMAT)

    def resume(self, path: Path) -> None:
        """Load the saved state if there is one; a damaged file is named in the log and set aside."""
        if not path.is_file():
            return
        try:
            self.load(path)
            log.info("pretraining goes on after epoch %d", len(self.history))
        except DamagedCheckpointError as problem:
            set_aside(path, problem)

    def load(self, path: Path) -> None:
        """Load the saved state.

        Raises:
            DamagedCheckpointError: the file is damaged or of another kind; this state is then unchanged.
        """
        tensors, described = read_tensors(path, kind=STATE_FORMAT)
        self.model.load_state_dict(_below("model.", tensors))
        self.chosen = _below("chosen.", tensors)
        for number, parameter in enumerate(self.model.parameters()):
            moments = _below(f"adam.{number}.", tensors)
            self.optimizer.state[parameter] = {name: each.to(parameter.device) for name, each in moments.items()}
        self.history = [EpochFigures(**figures) for figures in described["history"]]
        self.chosen_epoch = described["chosen_epoch"]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
