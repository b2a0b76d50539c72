"""A recipe: one FTragrec run, seam by seam.  ``BASE`` is the system as found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from harness.ftragrec.attention import (
    AttentionQuery,
    BackboneQuery,
    DotProduct,
    Keys,
    SharedTemperature,
    Similarity,
    StoredKeys,
    Temperature,
)
from harness.ftragrec.checkpoint import BestOnValid, CheckpointRule
from harness.ftragrec.fusion import Fusion, LinearFusion, Scale, ScheduledShare, Share, TargetValues, Unscaled, Values
from harness.ftragrec.memory import (
    Admission,
    Eviction,
    LongerThan,
    NoEviction,
    Refresh,
    Source,
    StoredKeysRefresh,
    TrainSource,
)
from harness.ftragrec.objective import (
    AllSamples,
    Combiner,
    Divergence,
    ExtraTerm,
    ForwardKL,
    NormalisedSigmoid,
    SampleMask,
    Teacher,
    WeightedSum,
)
from harness.ftragrec.phases import BackboneDropout, LearningRates, Phases, RetrieverOnly
from harness.ftragrec.retriever import FeedForward, RandomStart, Retriever, Start
from harness.ftragrec.scorer import EnhancedDot, Scorer
from harness.ftragrec.search import Exclusion, HitFilter, Index, IVFFlat, Selection, ShorterOwnPrefix, TopK
from harness.schedules import Constant, Schedule

ADDITIVE = frozenset({"extra_terms", "filters"})
"""Seams whose entries of different kinds add up instead of replacing each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every seam of a run with the frozen spec that fills it; the defaults are FTragrec as found.

    Numbers in brackets are the points of FTragrec's description that a seam carries.
    """

    sources: Source = TrainSource()  # [1]
    admission: Admission = LongerThan()  # [1]
    eviction: Eviction = NoEviction()  # [1]
    index: Index = IVFFlat()  # [2]
    retriever: Retriever = FeedForward()  # [3]
    start: Start = RandomStart()  # [3]
    phases: Phases = RetrieverOnly()  # [3]
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
    extra_terms: tuple[ExtraTerm, ...] = ()  # [8]
    refresh: Refresh = StoredKeysRefresh()  # [9]
    scorer: Scorer = EnhancedDot()  # [10]
    checkpoint: CheckpointRule = BestOnValid()  # data protocol
    learning_rates: LearningRates = LearningRates()  # [11]
    weight_decay: float = 3e-4  # [11]
    backbone_dropout: BackboneDropout = BackboneDropout.ACTIVE  # [11]
    batch_size: int = 1024  # [11]

    def describe(self) -> dict[str, str]:
        """Seam -> its spec in full, in the order of the fields; equal text means equal recipes."""
        return {each.name: str(getattr(self, each.name)) for each in fields(self)}

    def digest(self) -> str:
        """A hash of :meth:`describe`, 16 hexadecimal digits."""
        text = "\n".join(f"{seam}: {spec}" for seam, spec in self.describe().items())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check(self, written: frozenset[str]) -> tuple[str, ...]:
        """Why this combination cannot work, a sentence each; empty where it can.

        Args:
            written: seams that the arm sets itself, as against those that its base had already.
        """
        problems: list[str] = []
        if self.alignment_weight == Constant(0.0) and "divergence" in written:
            problems.append(
                f"divergence is {self.divergence}, but alignment_weight is 0, so the divergence is never computed; "
                "give the term a weight above 0"
            )
        return tuple(problems)


SEAMS = tuple(each.name for each in fields(Recipe))
BASE = Recipe()
