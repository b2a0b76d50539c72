"""How a study measures: set once and equal for every row; no remedy can change it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SPARED = 10
"""Number of events at the start of a user's sequence that are not used as further targets."""


class History(Enum):
    """Whether items from the user's own history are candidates.

    RANK ranks them like any other item, as RecBole's sequential models do. HIDE removes them from the candidates, both
    in scores and among the targets of neighbours.
    """

    RANK = "rank"
    HIDE = "hide"


class Reach(Enum):
    """Which memory entries a query may retrieve: ANY, or only those from the PAST of the query's own event."""

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
        targets: test targets per user, the last events; a user with n events has min(targets, n - 10), at least 1.
        valid_targets: validation targets per user, the events before the test targets, by the same rule.
        history: whether items of the user's own history are candidates.
        memory: which memory entries a query may retrieve.
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
        """Whether the protocol hides some memory entries from a query, in addition to the recipe's own rules."""
        return self.hides_history or self.memory is Reach.PAST

    def described(self) -> dict[str, int | str]:
        """Return every key of the study file's protocol with its value."""
        return {
            "targets": self.targets,
            "valid_targets": self.valid_targets,
            "history": self.history.value,
            "memory": self.memory.value,
            "at_test": self.at_test.value,
        }

    def of_backbone(self) -> str:
        """Return the settings that affect a backbone's training: its targets, and how the epoch is chosen."""
        return f"{self.targets} {self.valid_targets} {self.history.value}"


def split_of(of_backbone: str) -> tuple[int, int]:
    """Return test and validation targets per user from the text of :meth:`Protocol.of_backbone`.

    Raises:
        ValueError: the text is not of that form.
    """
    targets, valid_targets, _ = of_backbone.split(" ")
    return int(targets), int(valid_targets)


AS_PUBLISHED = Protocol()
"""Leave-one-out over the whole catalogue, as in RecBole."""
