"""How a study measures: decided once, for every row alike; no remedy can touch it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SPARED = 10
"""Events at the start of a user's sequence that further test targets leave alone."""


class History(Enum):
    """Whether items that the user has had are candidates.

    RANK ranks them as any other item, as RecBole's sequential models do; HIDE makes them no candidates at all, neither
    in scores nor among the targets of neighbours.
    """

    RANK = "rank"
    HIDE = "hide"


class Reach(Enum):
    """Which memory entries a query may see: ANY of them, or only those from the PAST of its own event."""

    ANY = "any"
    PAST = "past"


class AtTest(Enum):
    """What the memory holds while the test set is scored."""

    TRAIN = "train"
    TRAIN_AND_VALID = "train+valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The protocol of a study.

    Attributes:
        targets: test targets per user, the last events; a user of n events gives min(targets, n - 10), at least 1.
        valid_targets: validation targets per user, the events before them, by the same rule.
        history: whether the user's own items are candidates.
        memory: which entries a query may see.
        at_test: what the memory holds while the test set is scored.

    >>> Protocol(targets=10).described()
    {'targets': 10, 'valid_targets': 1, 'history': 'rank', 'memory': 'any', 'at_test': 'train'}
    """

    targets: int = 1
    valid_targets: int = 1
    history: History = History.RANK
    memory: Reach = Reach.ANY
    at_test: AtTest = AtTest.TRAIN

    @property
    def hides_history(self) -> bool:
        return self.history is History.HIDE

    @property
    def keeps_entries_back(self) -> bool:
        """Whether what a query may see depends on more than the recipe."""
        return self.hides_history or self.memory is Reach.PAST

    def described(self) -> dict[str, int | str]:
        """Every key of the study file with its value."""
        return {
            "targets": self.targets,
            "valid_targets": self.valid_targets,
            "history": self.history.value,
            "memory": self.memory.value,
            "at_test": self.at_test.value,
        }

    def of_backbone(self) -> str:
        """What of it decides a backbone: its training targets, and how the validation set chooses the epoch."""
        return f"{self.targets} {self.valid_targets} {self.history.value}"


def split_of(of_backbone: str) -> tuple[int, int]:
    """Test and validation targets per user that :meth:`Protocol.of_backbone` tells of.

    Raises:
        ValueError: it is no such text.
    """
    targets, valid_targets, _ = of_backbone.split(" ")
    return int(targets), int(valid_targets)


AS_PUBLISHED = Protocol()
"""Leave-one-out over the whole catalogue, as RecBole has it."""
