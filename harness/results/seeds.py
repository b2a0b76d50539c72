"""How many seeds a study was declared with, which rows stopped before the others, and what had been read before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Stop = Literal["futile", "equivalent", "no_effect", "failed"]
"""Why a row gets no more seeds: they would hardly decide it; it is equivalent; it ranks as base does; none of its runs
can be paired with base's, since one of the two has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The seeds of a study, as its manifest says them.

    Attributes:
        start, most: seeds of every row, and of those that go on to the end; None in a study of a fixed number.
        set_aside: row -> seeds after which it got no more; why: row -> the reason.
        ended: whether every cell that was named has ended and no other will be; true in a study of a fixed number.
        earlier: ends of this study that were there to be read before it was given more seeds: how many seeds, and the
            folder.
    """

    start: int | None = None
    most: int | None = None
    set_aside: Mapping[str, int] = field(default_factory=dict[str, int])
    why: Mapping[str, Stop] = field(default_factory=dict[str, Stop])
    ended: bool = True
    earlier: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Seeds:
        """Those of a manifest's ``seeds``, which is empty in a fixed study that was never extended."""
        fields: dict[str, Any] = {**said, "earlier": tuple((int(n), str(name)) for n, name in said.get("earlier", ()))}
        return cls(**fields)

    def described(self) -> dict[str, Any]:
        """What :meth:`of` reads; empty where there is nothing to say."""
        return {} if self == Seeds() else asdict(self)

    def reason(self, row: str) -> Stop | None:
        """Why a row stopped, futile where that is not said; None where it did not stop."""
        return self.why.get(row, "futile") if row in self.set_aside else None

    @property
    def n_looks(self) -> int:
        """After how many seeds it is decided which rows go on."""
        return 0 if self.start is None or self.most is None else self.most - self.start

    def planned(self, n_named: int) -> int:
        """How many seeds the study has: those named, and at most those that are still to come."""
        return n_named if self.ended or self.most is None else self.most
