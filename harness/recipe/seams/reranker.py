"""Seam ``reranker``: what reorders the first candidates of a query once all are scored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.recipe.seams.retrieval.neighbours import BothKinds, NearestVectors, Neighbourhood, SharedItems

if TYPE_CHECKING:
    from harness.engine.live.rerank.figures import Figures
    from harness.engine.live.rerank.models import Mixture


class Known(Enum):
    """What a mixture, and the scores that it starts from, know."""

    ALL = "all"
    DENSE = "dense"
    NOTHING_RETRIEVED = "no_retrieval"


class FittedOn(Enum):
    """Whose targets fit a mixture: the validation set's, or those of each user's last training prefix."""

    VALIDATION = "validation"
    TRAIN = "train"


class Model(Protocol):
    """What weighs the figures."""

    def build(self, figures: Figures) -> Mixture:
        """The mixture, to be fitted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronModel:
    """Two hidden layers over all figures.  Source: family 0."""

    hidden: int

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import Perceptron

        return Perceptron(len(figures.candidate), len(figures.query), self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveModel:
    """One hidden layer from the figures of a query to the weights of its masses.  Source: family 0."""

    hidden: int = 16

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import ByQuery

        return ByQuery(figures.masses, len(figures.query), self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticModel:
    """One weight a figure.  Source: family 0."""

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import Linear

        return Linear(len(figures.candidate))


class Reranker(Protocol):
    """A spec of the seam.

    Attributes:
        reads_dense: whether the seam ``dense`` has a part in it, whatever the scorer mixes in.
        sees_validation: whether it is fitted to targets of the validation set.
    """

    @property
    def reads_dense(self) -> bool: ...

    @property
    def sees_validation(self) -> bool: ...

    def read(self, neighbours: Neighbourhood) -> Neighbourhood | None:
        """The neighbours that a scorer may mix in; None: none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReranker:
    """Candidates are ranked by their scores.  Source: FTragrec as found, point 10."""

    @property
    def reads_dense(self) -> bool:
        return False

    @property
    def sees_validation(self) -> bool:
        return False

    def read(self, neighbours: Neighbourhood) -> Neighbourhood:
        """As they are."""
        return neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedMixture:
    """The first candidates are ordered by ``a A + f(figures)``, fitted to targets; all others stay behind them.

    ``A`` is the score of the seam ``scorer``. Two fits are made, each to one half of the users. Where targets of the
    validation set fit them, its queries are ranked by the fit of the other half; all else is ranked by the sum of both.
    A fit reads targets of any time, also under ``memory: past``.

    Attributes:
        model: f.
        pool: how many are reordered.
        epochs: passes over the fitting set.
        known: what f and A know.
        fitted_on: whose targets fit it. Of a training prefix the backbone has seen the target, so it looks surer there
            than it will be; its own user's later entries are kept out as from any query.
        shared: the neighbours that share items, where the scorer mixes none in.

    Source: family 0.
    """

    default_eps: ClassVar[float] = 0.003

    model: Model
    pool: int
    epochs: int
    known: Known
    fitted_on: FittedOn
    shared: SharedItems

    @property
    def reads_dense(self) -> bool:
        return self.known is not Known.NOTHING_RETRIEVED

    @property
    def sees_validation(self) -> bool:
        return self.fitted_on is FittedOn.VALIDATION

    def shared_by(self, neighbours: Neighbourhood) -> SharedItems:
        """The neighbours that share items: the scorer's, else its own."""
        if isinstance(neighbours, BothKinds):
            return neighbours.shared
        return neighbours if isinstance(neighbours, SharedItems) else self.shared

    def read(self, neighbours: Neighbourhood) -> Neighbourhood | None:
        """Those that may be known."""
        if self.known is Known.ALL:
            return neighbours
        return NearestVectors() if self.known is Known.DENSE else None
