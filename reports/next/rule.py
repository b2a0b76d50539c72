"""Base class of the rules of the next study."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from reports.next.given import Given
from reports.next.model import Proposal


class NextRule(ABC):
    """A rule that proposes what to run next; every rule has a page and a test.

    Attributes:
        name: short and stable; also the name of its page.
        title: what it does, in a few words.
        when: the condition, with its thresholds.
        expects: the expected result of the study that it writes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    when: ClassVar[str]
    expects: ClassVar[str]

    @abstractmethod
    def propose(self, given: Given) -> Proposal | None:
        """Return the study to run; None if the condition does not hold."""
