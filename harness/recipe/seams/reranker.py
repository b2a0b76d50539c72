"""Seam ``reranker``: reorders the top candidates of a query after scoring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.recipe.seams.retrieval.neighbours import BothKinds, NearestVectors, Neighbourhood, SharedItems

if TYPE_CHECKING:
    from harness.engine.live.rerank.figures import Figures
    from harness.engine.live.rerank.models import Mixture


class Known(Enum):
    """Which neighbours the mixture, and the scores that it starts from, may use."""

    ALL = "all"
    DENSE = "dense"
    NOTHING_RETRIEVED = "no_retrieval"


class FittedOn(Enum):
    """The targets that a mixture is fitted to: the validation set's, or those of each user's last training prefix."""

    VALIDATION = "validation"
    TRAIN = "train"


class Model(Protocol):
    """The form of f in :class:`LearnedMixture`: how the figures (features of query and candidate) are weighted."""

    def build(self, figures: Figures) -> Mixture:
        """Return the mixture, not yet fitted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronModel:
    """Two hidden layers over all figures.  Source: beyond the list."""

    hidden: int

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import Perceptron

        return Perceptron(len(figures.candidate), len(figures.query), self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveModel:
    """One hidden layer that maps a query's figures to weights of its candidates' masses.  Source: beyond the list."""

    hidden: int = 16

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import ByQuery

        return ByQuery(figures.masses, len(figures.query), self.hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticModel:
    """One weight per figure of a candidate.  Source: beyond the list."""

    def build(self, figures: Figures) -> Mixture:
        from harness.engine.live.rerank.models import Linear

        return Linear(len(figures.candidate))


class Reranker(Protocol):
    """A spec of the seam.

    Attributes:
        reads_dense: whether it reads the seam ``dense``, independent of what the scorer mixes in.
        sees_validation: whether it is fitted to targets of the validation set.
    """

    @property
    def reads_dense(self) -> bool: ...

    @property
    def sees_validation(self) -> bool: ...

    def read(self, neighbours: Neighbourhood) -> Neighbourhood | None:
        """Return the neighbours that the scorer may mix in, given the recipe's; None: none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReranker:
    """Candidates are ranked by their scores.  Source: FTragrec as published, point 10."""

    @property
    def reads_dense(self) -> bool:
        return False

    @property
    def sees_validation(self) -> bool:
        return False

    def read(self, neighbours: Neighbourhood) -> Neighbourhood:
        """Return the neighbours unchanged."""
        return neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedMixture:
    """The top candidates are ordered by ``a A + f(figures)``, fitted to targets; all others stay after them.

    ``A`` is the score of the seam ``scorer``. There are two fits, each on one half of the users. If they are fitted on
    the validation set, its queries are ranked by the fit of the other half; all other queries by the sum of both fits.
    A fit uses targets of any time, also under ``memory: past``.

    Attributes:
        model: the form of f.
        pool: number of candidates that are reordered.
        epochs: passes over the fitting set.
        known: which neighbours f and A may use.
        fitted_on: the targets it is fitted to. The backbone was trained on the targets of training prefixes, so its
            scores are more confident there than at inference; the user's later entries are excluded as for any query.
        shared: the item-sharing neighbours, used if the scorer mixes none in.

    Source: beyond the list.
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
        """Return the item-sharing neighbours: the scorer's if it has any, else ``shared``."""
        if isinstance(neighbours, BothKinds):
            return neighbours.shared
        return neighbours if isinstance(neighbours, SharedItems) else self.shared

    def read(self, neighbours: Neighbourhood) -> Neighbourhood | None:
        """Return the neighbours that ``known`` permits."""
        if self.known is Known.ALL:
            return neighbours
        return NearestVectors() if self.known is Known.DENSE else None
