"""Seams ``neighbours`` and ``dense``: which neighbours' targets a scorer mixes in, and with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.engine.types.among import Admission
from harness.recipe.seams.retrieval.admission import AllEntries
from harness.recipe.seams.retrieval.index import Flat
from harness.recipe.seams.retrieval.search import Exclusion, NeighbourSearch, NewItemsOnly, Selection, Stage, TopK

if TYPE_CHECKING:
    from torch import Tensor

    from harness.data.split import Indices
    from harness.engine.live.mixing.masses import DenseMass, LiveMass
    from harness.engine.live.mixing.overlap import OverlapMass
    from harness.engine.types.among import Among
    from harness.engine.types.inputs import Inputs
    from harness.engine.types.retrieved import Neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseNeighbours:
    """Neighbours by cosine of the backbone vectors ``s``, found by exact search; nothing is trained.

    Attributes:
        selection: how many neighbours, and which of the hits.
        temperature: tau of the weights ``w_j = softmax_j(cosine_j / tau)``.
        admission: which prefixes are entries; None: as in the seam ``admission``.
        new_only: whether neighbours whose target is in the query's own history are skipped.

    Source: beyond the list; Khandelwal et al., ICLR 2020.
    """

    selection: Selection = TopK(k=50)
    temperature: float = 0.15
    admission: Admission | None = AllEntries()
    new_only: bool = False

    def build(self, among: Among) -> DenseMass:
        """Return the neighbours' distribution over the items; it has its own exact index."""
        from harness.engine.live.mixing.masses import DenseMass, memory_of_sequences

        inputs = among.inputs
        admitted = among.entries[(self.admission or among.admission).admitted(among.entries, inputs)]
        memory = memory_of_sequences(inputs, admitted)
        index = Flat().build(memory, inputs, seed=0)
        search = NeighbourSearch(
            exclusion=self.rule(among.exclusion, inputs), filters=(), selection=self.selection, observer=among.observer
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

        return DenseMass(temperature=self.temperature, memory=memory, find=find)

    def rule(self, exclusion: Exclusion, inputs: Inputs) -> Exclusion:
        """Return the rule for permitted entries: ``exclusion``, plus the history rule if ``new_only``."""
        return NewItemsOnly(exclusion, inputs.data) if self.new_only else exclusion


class Neighbourhood(Protocol):
    """A spec of the seam ``neighbours``.

    Attributes:
        reads_dense: whether it reads the seam ``dense``.
    """

    reads_dense: ClassVar[bool]

    def build(self, dense: DenseNeighbours, among: Among) -> tuple[LiveMass, ...]:
        """Return one distribution over the items (mass) for each kind of neighbours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestVectors:
    """Neighbours are those of the seam ``dense`` only: the nearest by vector.  Source: beyond the list."""

    reads_dense: ClassVar[bool] = True

    def build(self, dense: DenseNeighbours, among: Among) -> tuple[LiveMass, ...]:
        return (dense.build(among),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedItems:
    """Neighbours are entries that share items with the query.

    ``sim_j = len_j^-b sum over shared items h of g^lag_q(h) (1 + lag_j(h))^-p n_h^-a``; ``lag`` is the number of items
    after ``h`` (after its last event, if there are several), ``len_j`` the number of items in the entry's prefix, and
    ``n_h`` the number of entries that contain ``h``. Only the last :data:`harness.engine.live.mixing.holdings.READ`
    items of a prefix count. The weight of a neighbour is ``sim_j`` divided by the sum of the k largest.

    Attributes:
        decay: g, in (0, 1].
        lag: p, 0 or more.
        rarity: a, 0 or more.
        length: b, 0 or more.
        k: number of neighbours.

    Source: beyond the list; Garg et al., "Sequence and time aware neighborhood for session-based recommendations:
    STAN", SIGIR 2019; their neighbours are sessions, here they are prefixes with one target each.
    """

    reads_dense: ClassVar[bool] = False

    decay: float
    lag: float
    rarity: float
    length: float
    k: int

    def build(self, dense: DenseNeighbours, among: Among) -> tuple[LiveMass, ...]:
        return (self.mass(among),)

    def mass(self, among: Among) -> OverlapMass:
        """Return the neighbours' distribution over the items, searched among all entries of ``among``."""
        from harness.engine.live.mixing.overlap import OverlapMass, OverlapSearch

        return OverlapMass(OverlapSearch(self, among))


@dataclass(frozen=True, slots=True, kw_only=True)
class BothKinds:
    """Both the nearest by vector and those that share items, each with its own mass.  Source: beyond the list."""

    reads_dense: ClassVar[bool] = True

    shared: SharedItems

    def build(self, dense: DenseNeighbours, among: Among) -> tuple[LiveMass, ...]:
        return (dense.build(among), self.shared.mass(among))
