"""What a rule of the next study is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from reports.next.given import Given
from reports.next.model import Proposal


class NextRule(ABC):
    """A rule that proposes what to run next; it has a page and a test.

    Attributes:
        name: short and stable, also of its page.
        title: what it does, a few words.
        when: the condition, with its thresholds.
        expects: what it expects of the study that it writes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    when: ClassVar[str]
    expects: ClassVar[str]

    @abstractmethod
    def propose(self, given: Given) -> Proposal | None:
        """The study that it would run; None where its condition does not hold."""
