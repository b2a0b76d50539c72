"""A recipe: one FTragrec run, seam by seam.  ``BASE`` is the system as published."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from harness.backbones.base import Backbone
from harness.engine.types.among import Admission
from harness.recipe.schedules import Constant, Schedule
from harness.recipe.seams.attention import (
    AttentionQuery,
    BackboneQuery,
    DotProduct,
    Keys,
    SharedTemperature,
    Similarity,
    StoredKeys,
    Temperature,
)
from harness.recipe.seams.calibration import Calibration, Uncalibrated
from harness.recipe.seams.candidates import AllItems, Candidates
from harness.recipe.seams.checkpoint import BestOfBoth, BestOnValid, CheckpointRule
from harness.recipe.seams.fusion import (
    Fusion,
    LinearFusion,
    Scale,
    ScheduledShare,
    Share,
    TargetValues,
    Unscaled,
    Values,
)
from harness.recipe.seams.objective import (
    AllSamples,
    AllTerms,
    Combiner,
    Curriculum,
    Divergence,
    ExtraTerm,
    ForwardKL,
    NormalisedSigmoid,
    SampleMask,
    Teacher,
    WeightedSum,
)
from harness.recipe.seams.phases import BACKBONE_WEIGHT_DECAY, BackboneDropout, LearningRates, Phases, RetrieverOnly
from harness.recipe.seams.reranker import NoReranker, Reranker
from harness.recipe.seams.retrieval.admission import LongerThan
from harness.recipe.seams.retrieval.index import Index, IVFFlat
from harness.recipe.seams.retrieval.memory import Eviction, NoEviction, Refresh, Source, StoredKeysRefresh, TrainSource
from harness.recipe.seams.retrieval.neighbours import DenseNeighbours, NearestVectors, Neighbourhood
from harness.recipe.seams.retrieval.search import (
    BatchQuery,
    Exclusion,
    HitFilter,
    SearchQuery,
    Selection,
    ShorterOwnPrefix,
    TopK,
)
from harness.recipe.seams.retriever import FeedForward, RandomStart, Retriever, Start
from harness.recipe.seams.scorer import EnhancedDot, Scorer

ADDITIVE = frozenset({"extra_terms", "filters"})
"""Seams that hold several entries: entries of different types are added and do not replace each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run: a frozen spec for each seam; the defaults are FTragrec as published.

    Numbers in brackets are the points of FTragrec's description that a seam implements.
    """

    sources: Source = TrainSource()  # [1]
    admission: Admission = LongerThan()  # [1]
    eviction: Eviction = NoEviction()  # [1]
    index: Index = IVFFlat()  # [2]
    retriever: Retriever = FeedForward()  # [3]
    start: Start = RandomStart()  # [3]
    phases: Phases = RetrieverOnly()  # [3]
    search_query: SearchQuery = BatchQuery()  # [4]
    selection: Selection = TopK()  # [4]
    exclusion: Exclusion = ShorterOwnPrefix()  # [4]
    filters: tuple[HitFilter, ...] = ()  # [4]
    keys: Keys = StoredKeys()  # [5]
    similarity: Similarity = DotProduct()  # [5, 7]
    temperature: Temperature = SharedTemperature()  # [5, 7]
    teacher: Teacher = NormalisedSigmoid()  # [6]
    values: Values = TargetValues()  # [6, 7]
    attention_query: AttentionQuery = BackboneQuery()  # [7]
    scale: Scale = Unscaled()  # [7]
    fusion: Fusion = LinearFusion()  # [7]
    share: Share = ScheduledShare()  # [7]
    enhanced_weight: Schedule = Constant(0.5)  # [8]
    alignment_weight: Schedule = Constant(0.03)  # [8]
    divergence: Divergence = ForwardKL()  # [8]
    sample_mask: SampleMask = AllSamples()  # [8]
    combiner: Combiner = WeightedSum()  # [8]
    curriculum: Curriculum = AllTerms()  # [8]
    extra_terms: tuple[ExtraTerm, ...] = ()  # [8]
    refresh: Refresh = StoredKeysRefresh()  # [9]
    scorer: Scorer = EnhancedDot()  # [10]
    neighbours: Neighbourhood = NearestVectors()  # only for a scorer that mixes neighbours in
    dense: DenseNeighbours = DenseNeighbours()  # only for a scorer that mixes neighbours in
    calibration: Calibration = Uncalibrated()  # only for a scorer that mixes neighbours in
    candidates: Candidates = AllItems()  # [10]
    reranker: Reranker = NoReranker()  # only for a scorer that mixes neighbours in
    checkpoint: CheckpointRule = BestOnValid()  # data protocol
    learning_rates: LearningRates = LearningRates()  # [11]
    weight_decay: float = BACKBONE_WEIGHT_DECAY  # [11], of the new parts
    backbone_dropout: BackboneDropout = BackboneDropout.ACTIVE  # [11]
    batch_size: int = 1024  # [11]
    backbone: Backbone | None = None  # None: the study's own

    def describe(self) -> dict[str, str]:
        """Return seam -> its complete spec as text, in the order of the fields; equal text means equal recipes.

        The study's own backbone (``backbone`` is None) is left out.
        """
        described = {each.name: str(getattr(self, each.name)) for each in fields(self)}
        if self.backbone is None:
            del described["backbone"]
        return described

    def digest(self) -> str:
        """Return a hash of :meth:`describe`, 16 hexadecimal digits."""
        text = "\n".join(f"{seam}: {spec}" for seam, spec in self.describe().items())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def moves_backbone(self) -> bool:
        """Whether any part of the backbone trains in any epoch."""
        return self.phases.moves_backbone(self.learning_rates)

    @property
    def scores_change(self) -> bool:
        """Whether scores, or whether retrieval is on at inference, can differ from one epoch to another."""
        return (
            self.scorer.reads_enhanced
            or self.moves_backbone
            or self.sources.grows
            or not isinstance(self.checkpoint, BestOnValid | BestOfBoth)
        )

    @property
    def fitted_on_validation(self) -> tuple[str, ...]:
        """Seams whose specs read targets of the validation set."""
        specs = {each.name: getattr(self, each.name) for each in fields(self)}
        return tuple(seam for seam, spec in specs.items() if getattr(spec, "sees_validation", False))


SEAMS = tuple(each.name for each in fields(Recipe))
BASE = Recipe()
