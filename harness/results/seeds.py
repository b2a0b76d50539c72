"""The seeds of a study: the declared number, which rows stopped early, and earlier ends that could be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Stop = Literal["futile", "equivalent", "no_effect", "failed"]
"""Why a row gets no more seeds: they are unlikely to decide it; it is equivalent; it ranks as base does; or none of its
runs can be paired with base's, because one of the two has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The seeds of a study, as in its manifest.

    Attributes:
        start, most: seeds of every row, and of rows that go on to the end; None in a study with a fixed number.
        set_aside: row -> number of seeds after which it stopped; why: row -> the reason.
        ended: whether all named cells have ended and no more will be named; true in a study with a fixed number.
        earlier: ends of this study that could be read before it got more seeds: number of seeds and folder.
    """

    start: int | None = None
    most: int | None = None
    set_aside: Mapping[str, int] = field(default_factory=dict[str, int])
    why: Mapping[str, Stop] = field(default_factory=dict[str, Stop])
    ended: bool = True
    earlier: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Seeds:
        """The seeds from a manifest's ``seeds``, which is empty in a fixed study that was never extended."""
        fields: dict[str, Any] = {**said, "earlier": tuple((int(n), str(name)) for n, name in said.get("earlier", ()))}
        return cls(**fields)

    def described(self) -> dict[str, Any]:
        """The mapping that :meth:`of` reads; empty if everything is at its default."""
        return {} if self == Seeds() else asdict(self)

    def reason(self, row: str) -> Stop | None:
        """Why a row stopped, ``futile`` if no reason is recorded; None if it did not stop."""
        return self.why.get(row, "futile") if row in self.set_aside else None

    @property
    def n_looks(self) -> int:
        """The number of looks, each of which decides which rows go on."""
        return 0 if self.start is None or self.most is None else self.most - self.start

    def planned(self, n_named: int) -> int:
        """The number of seeds: those named, or the maximum while more may follow."""
        return n_named if self.ended or self.most is None else self.most
