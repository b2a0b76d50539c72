"""Seams ``scorer`` and ``candidates``: from an enhanced vector to scores, and which items may be recommended at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.data.history import HIDDEN, had_before
from harness.engine.types.retrieved import SearchObserver, unobserved
from harness.recipe.seams.retrieval.admission import Admission, AllEntries
from harness.recipe.seams.retrieval.index import Flat
from harness.recipe.seams.retrieval.search import Exclusion, NeighbourSearch, NewItemsOnly, Selection, Stage

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.live.interpolation import ProbabilityInterpolation
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.retrieved import Neighbours
    from harness.engine.types.snapshot import LiveScorer


class Scorer(Protocol):
    """A spec of the seam.

    Attributes:
        reads_enhanced: whether its scores depend on the enhanced vector.
    """

    reads_enhanced: ClassVar[bool]

    def build(
        self,
        inputs: Inputs,
        entries: Indices,
        admission: Admission,
        exclusion: Exclusion,
        observer: SearchObserver = unobserved,
    ) -> LiveScorer:
        """The live scorer over the backbone as it is.

        Args:
            inputs: data, backbone and encodings.
            entries: prefixes whose targets may be seen, before any admission, ascending.
            admission: the memory's own.
            exclusion: keeps a query from its own future.
            observer: told of every search that the scorer makes.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhancedDot:
    """Score of item i: ``enhanced . e_i``.  Source: FTragrec as found, point 10."""

    reads_enhanced: ClassVar[bool] = True

    def build(
        self,
        inputs: Inputs,
        entries: Indices,
        admission: Admission,
        exclusion: Exclusion,
        observer: SearchObserver = unobserved,
    ) -> _Dot:
        """The product with the backbone's item embeddings."""
        return _Dot(inputs.item_matrix)


class _Dot:
    def __init__(self, item_matrix: Tensor) -> None:
        self._item_matrix = item_matrix

    def scores(self, *, sequence: Tensor, enhanced: Tensor, prefix: Indices, hidden: Tensor | None = None) -> Tensor:
        return enhanced @ self._item_matrix.T


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate:
    """``p_i = (1 - l) softmax(s . E)_i + l sum_j w_j [y_j = i]``, from neighbours of the raw ``s`` by cosine.

    The search is exact, nothing is trained.

    Attributes:
        share: l, the retrieved distribution's part, a fraction in [0, 1).
        admission: which prefixes are entries; None: those that the memory admits.
        selection: how many neighbours.
        temperature: of ``w_j = softmax_j(cosine_j / tau)``.
        new_only: whether neighbours that lead to an item of the query's own history are passed over.

    Source: family 0; Khandelwal et al., ICLR 2020, eq. 3, for language models.
    """

    reads_enhanced: ClassVar[bool] = False

    share: float
    selection: Selection
    temperature: float
    admission: Admission | None = AllEntries()
    new_only: bool = False

    def build(
        self,
        inputs: Inputs,
        entries: Indices,
        admission: Admission,
        exclusion: Exclusion,
        observer: SearchObserver = unobserved,
    ) -> ProbabilityInterpolation:
        """The scorer with its own exact index."""
        from harness.engine.live.interpolation import ProbabilityInterpolation, memory_of_sequences

        admitted = entries[(self.admission or admission).admitted(entries, inputs)]
        memory = memory_of_sequences(inputs, admitted)
        index = Flat().build(memory, inputs, seed=0)
        search = NeighbourSearch(
            exclusion=self.rule(exclusion, inputs), filters=(), selection=self.selection, observer=observer
        )

        def find(sequence: Tensor, prefix: Indices) -> Neighbours:
            return search(
                index=index,
                memory=memory,
                inputs=inputs,
                query=sequence,
                sequence=sequence,
                prefix=prefix,
                stage=Stage.EVAL,
            )

        return ProbabilityInterpolation(
            share=self.share, temperature=self.temperature, item_matrix=inputs.item_matrix, memory=memory, find=find
        )

    def rule(self, exclusion: Exclusion, inputs: Inputs) -> Exclusion:
        """Which entries a query may have as neighbours, given what keeps it from its own future."""
        return NewItemsOnly(exclusion, inputs.data) if self.new_only else exclusion


class Candidates(Protocol):
    """A spec of the seam; it holds for scores with retrieval and for those without."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Which items are not to be recommended to the queries ``(n,)``, ``(n, n_items)`` bool; None: any may be.

        Nothing at or after a query's position may decide it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllItems:
    """The whole catalogue is ranked, what the user has had included.  Source: FTragrec as found, point 10."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenItems:
    """Items of the query's own history rank behind all others.  Source: family 0."""

    def hidden(self, prefix: Indices, inputs: Inputs) -> Tensor:
        """The items that stand before the query's position."""
        prefixes = inputs.prefixes
        return inputs.tensor(had_before(inputs.data, prefixes.user[prefix], prefixes.position[prefix])[:, 1:])


def hidden_by_protocol(prefix: Indices, inputs: Inputs) -> Tensor | None:
    """Which items the protocol makes no candidates of the queries ``(n,)``, ``(n, n_items)`` bool; None: all are."""
    return UnseenItems().hidden(prefix, inputs) if inputs.prefixes.protocol.hides_history else None


def hide(hidden: Tensor | None, scores: Tensor) -> Tensor:
    """Overwrite the scores ``(n, n_items)`` of hidden items, and give them back."""
    return scores if hidden is None else scores.masked_fill_(hidden, HIDDEN)
