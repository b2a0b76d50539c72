"""Beyond the problem list: neighbours join the scores, not the vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from harness.interventions.base import Intervention, parameter
from harness.recipe.recipe import Recipe
from harness.recipe.seams.calibration import FittedTemperature, GivenTemperature
from harness.recipe.seams.reranker import (
    AdaptiveModel,
    FittedOn,
    Known,
    LearnedMixture,
    LogisticModel,
    Model,
    PerceptronModel,
)
from harness.recipe.seams.retrieval.admission import AllEntries
from harness.recipe.seams.retrieval.neighbours import BothKinds, DenseNeighbours, SharedItems
from harness.recipe.seams.retrieval.search import TopK
from harness.recipe.seams.scorer import LinearMixing, LogLinearMixing, Onto

ONTO = "scores that neighbours join: the backbone's, or the enhanced vector's"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityInterpolation(Intervention):
    """Mixes probabilities instead of vectors: the backbone's softmax and the targets of similar histories.

    Neighbours are the nearest training prefixes by the cosine of the raw backbone vector, found by exact search. The
    mixture needs no training: nothing is trained unless the backbone is, or ``onto`` is ``enhanced``.

    Source: Khandelwal et al., ICLR 2020.
    """

    id: ClassVar[str] = "wiring.interpolate"
    title = "Interpolate probabilities"
    title_zh = "在概率空间插值"
    why = "Probabilities are on one scale whatever the length of the vectors, so mixing them needs no training."
    observable = (
        "Scores are the mixed probabilities, which sum to 1; without a retrieved part they are the backbone's, bit for "
        "bit."
    )

    l: float = parameter(  # noqa: E741 - lambda, as the paper writes it
        0.3, "share of the retrieved distribution, a fraction", low=0.0, high=0.95, search=(0.0, 0.95)
    )
    k: int = parameter(50, "neighbours", low=1, high=1000, search=(5, 400), log=True)
    tau: float = parameter(
        0.15, "temperature of the neighbours' weights", low=0.001, high=100.0, search=(0.03, 2.0), log=True
    )
    admission: str = parameter(
        "all", "prefixes that are entries: all, or only those that the memory admits", choices=("all", "memory")
    )
    targets: str = parameter(
        "all", "items that neighbours may lead to: all, or only those new to the user", choices=("all", "new")
    )
    onto: str = parameter("backbone", ONTO, choices=("backbone", "enhanced"), search=())

    def apply(self, recipe: Recipe) -> Recipe:
        dense = DenseNeighbours(
            selection=TopK(k=self.k),
            temperature=self.tau,
            admission=AllEntries() if self.admission == "all" else None,
            new_only=self.targets == "new",
        )
        return replace(recipe, scorer=LinearMixing(share=self.l, onto=Onto(self.onto)), dense=dense)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap(Intervention):
    """Takes as neighbours the memory entries that share items with the query, not the nearest vectors.

    An entry's similarity is ``sim_j = len_j^-b sum over shared items h of g^lag_q(h) (1 + lag_j(h))^-p n_h^-a``, where
    ``lag`` counts the items after ``h`` in the query and in the entry, ``len_j`` the items that the entry holds and
    ``n_h`` the entries that hold ``h``. An inverted index finds them, without training. They need a remedy that mixes
    neighbours into the scores: ``wiring.product`` or ``wiring.interpolate``.

    Source: Garg et al., "Sequence and time aware neighborhood for session-based recommendations: STAN",
    SIGIR 2019.
    """

    id: ClassVar[str] = "wiring.overlap"
    title = "Neighbours that share items"
    title_zh = "以共享物品寻找近邻"
    why = (
        "Near vectors repeat what the backbone knows; prefixes that share items lead to other items, and to the right "
        "one as often."
    )
    observable = "The neighbours equal those of a plain loop over all entries; each shares an item with the query."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.product",)
    as_published = "No score reads single neighbours, so other neighbours have no effect."

    g: float = parameter(
        0.8, "decay of an item's weight for each later item of the query", low=0.01, high=1.0, search=(0.4, 0.95)
    )
    p: float = parameter(
        0.5, "exponent of the item's distance from the end of the entry", low=0.0, high=10.0, search=(0.0, 1.5)
    )
    a: float = parameter(
        0.3, "exponent of the number of entries that hold the item", low=0.0, high=10.0, search=(0.0, 1.0)
    )
    b: float = parameter(0.25, "exponent of the number of items in the entry", low=0.0, high=10.0, search=(0.0, 1.0))
    k: int = parameter(500, "neighbours", low=1, high=100_000, search=(20, 2000), log=True)
    neighbours: str = parameter(
        "overlap",
        "which neighbours join: only those that share items, or both kinds, each weighted separately",
        choices=("overlap", "both"),
        search=(),
    )

    @property
    def shared(self) -> SharedItems:
        """The neighbours that share items."""
        return SharedItems(decay=self.g, lag=self.p, rarity=self.a, length=self.b, k=self.k)

    def apply(self, recipe: Recipe) -> Recipe:
        shared = self.shared
        return replace(recipe, neighbours=shared if self.neighbours == "overlap" else BothKinds(shared=shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Intervention):
    """Multiplies the backbone's softmax by the weight of the neighbours that lead to each item (log-linear mixing).

    ``score_i = s . e_i + beta log(1 + m_i / eps)``, where ``m_i`` is the weight of the neighbours that lead to item
    ``i``. It needs no training. Alone it mixes in the nearest vectors, as ``wiring.interpolate`` does linearly; with
    ``wiring.overlap``, the entries that share items.

    Source: Heskes, "Selecting weighting factors in logarithmic opinion pools", NIPS 1997.
    """

    id: ClassVar[str] = "wiring.product"
    title = "Multiply probabilities"
    title_zh = "在概率空间相乘"
    why = "With an over-confident backbone a linear mixture changes almost nothing; a product weighs both."
    observable = "An item to which no neighbour leads keeps its score; at beta 0 all items do, bit for bit."

    beta: float = parameter(1.5, "exponent of the neighbours' weight", low=0.0, high=100.0, search=(0.1, 3.0))
    eps: float = parameter(
        0.003,
        "neighbour weight from which an item gains noticeably, a fraction",
        low=1e-9,
        high=1.0,
        search=(0.0003, 0.03),
        log=True,
    )
    k: int = parameter(50, "number of nearest vectors, if they join", low=1, high=1000, search=(5, 400), log=True)
    tau: float = parameter(0.15, "temperature of their weights", low=0.001, high=100.0, search=(0.03, 2.0), log=True)
    onto: str = parameter("backbone", ONTO, choices=("backbone", "enhanced"), search=())

    def apply(self, recipe: Recipe) -> Recipe:
        return replace(
            recipe,
            scorer=LogLinearMixing(beta=self.beta, eps=self.eps, onto=Onto(self.onto)),
            dense=DenseNeighbours(selection=TopK(k=self.k), temperature=self.tau),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrate(Intervention):
    """Divides the backbone's scores by a temperature before neighbours join them.

    ``temperature: fit`` chooses the temperature at which the backbone alone makes the validation targets most likely.
    The arm has then seen validation labels, and the report marks it.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """

    id: ClassVar[str] = "wiring.calibrate"
    title = "Calibrate the backbone"
    title_zh = "校准骨干模型"
    why = "The backbone's softmax is over-confident, so retrieved probabilities hardly count in a mixture."
    observable = "The ranks of the backbone alone stay the same; validation targets become more likely."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.interpolate",)
    as_published = "Scores are ranked directly, so no temperature changes a rank."

    temperature: float | str = parameter(
        "fit",
        "temperature of the softmax: a number, or fitted on the validation set",
        choices=("fit",),
        low=0.01,
        high=100.0,
    )

    def apply(self, recipe: Recipe) -> Recipe:
        value = self.temperature
        return replace(
            recipe, calibration=FittedTemperature() if isinstance(value, str) else GivenTemperature(value=value)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerank(Intervention):
    """Reorders the first candidates of each query by a small model over figures from all sources.

    The new score is ``a A + f(figures)``, where ``A`` is the candidate's score; before fitting, the order is that of
    ``A``. Figures of a candidate: ``log p`` by the backbone; the weights of neighbours that share items, of the nearest
    vectors, of entries read backward and of transitions from the last item; popularity; the cosine with the last item;
    ranks and gaps. Figures of a query: entropy, cosines, length and overlaps.

    The model is fitted by cross-entropy on one half of the validation users and checked on the other half; on the test
    set both fits are summed. It has seen validation labels. ``fitted_on: train`` fits it to the last training target of
    each user instead. The backbone has seen that target and is surer of it than of any other: on Beauty we measured 20%
    less NDCG@10 on the validation set than without the mixture.

    Source: Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", TOIS 2023.
    """

    id: ClassVar[str] = "wiring.rerank"
    title = "Learn the mixture"
    title_zh = "学习混合权重"
    why = "The value of a source differs by query and candidate; a small model learns it from few labels."
    observable = "Items below the pool keep their order, and no user is ranked by a model fitted on that user's label."
    example_base: ClassVar[tuple[str, ...]] = ("wiring.overlap", "wiring.product")
    as_published = "No score reads single neighbours, so there is nothing to mix."

    model: str = parameter(
        "mlp",
        "the model: two hidden layers, weights of the sources by query, or one weight per figure",
        choices=("mlp", "adaptive", "logistic"),
    )
    pool: int = parameter(120, "candidates that are reordered", low=2, high=100_000, search=(50, 300), log=True)
    hidden: int = parameter(32, "units of a hidden layer, for mlp", low=1, high=1024)
    epochs: int = parameter(12, "passes over the fitting set", low=1, high=1000)
    figures: str = parameter(
        "all",
        "inputs of the model and of the scores before it: all, nearest vectors only, or nothing retrieved",
        choices=("all", "dense", "no_retrieval"),
        search=(),
    )
    fitted_on: str = parameter(
        "validation",
        "targets for fitting: those of the validation set, or each user's last training target",
        choices=("validation", "train"),
        search=(),
    )

    def apply(self, recipe: Recipe) -> Recipe:
        shared = Overlap().shared
        models: dict[str, Model] = {
            "mlp": PerceptronModel(hidden=self.hidden),
            "adaptive": AdaptiveModel(),
            "logistic": LogisticModel(),
        }
        mixture = LearnedMixture(
            model=models[self.model],
            pool=self.pool,
            epochs=self.epochs,
            known=Known(self.figures),
            fitted_on=FittedOn(self.fitted_on),
            shared=shared,
        )
        return replace(recipe, reranker=mixture)
