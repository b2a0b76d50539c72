"""A recipe: one FTragrec run, seam by seam.  ``BASE`` is the system as found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from harness.ftragrec.attention import (
    BackboneQuery,
    CosineSimilarity,
    DotProduct,
    RetrieverQuery,
    SharedTemperature,
    StoredKeys,
)
from harness.ftragrec.checkpoint import BestOnValid
from harness.ftragrec.fusion import LinearFusion, ScheduledShare, TargetValues
from harness.ftragrec.memory import LongerThan, NoEviction, StoredKeysRefresh, TrainSource
from harness.ftragrec.objective import (
    AllSamples,
    Divergence,
    ExtraTerm,
    ForwardKL,
    NormalisedSigmoid,
    WeightedSum,
)
from harness.ftragrec.phases import BackboneDropout, LearningRates, RetrieverOnly
from harness.ftragrec.retriever import FeedForward, RandomStart
from harness.ftragrec.scorer import EnhancedDot, Scorer
from harness.ftragrec.search import HitFilter, IVFFlat, ShorterOwnPrefix, TopK
from harness.schedules import Constant, Schedule

ADDITIVE = frozenset({"extra_terms", "filters"})
"""Seams whose entries of different kinds add up instead of replacing each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every seam of a run with the frozen spec that fills it; the defaults are FTragrec as found.

    Numbers in brackets are the points of FTragrec's description that a seam carries.
    """

    sources: TrainSource = TrainSource()  # [1]
    admission: LongerThan = LongerThan()  # [1]
    eviction: NoEviction = NoEviction()  # [1]
    index: IVFFlat = IVFFlat()  # [2]
    retriever: FeedForward = FeedForward()  # [3]
    start: RandomStart = RandomStart()  # [3]
    phases: RetrieverOnly = RetrieverOnly()  # [3]
    selection: TopK = TopK()  # [4]
    exclusion: ShorterOwnPrefix = ShorterOwnPrefix()  # [4]
    filters: tuple[HitFilter, ...] = ()  # [4]
    keys: StoredKeys = StoredKeys()  # [5]
    similarity: DotProduct | CosineSimilarity = DotProduct()  # [5, 7]
    temperature: SharedTemperature = SharedTemperature()  # [5, 7]
    teacher: NormalisedSigmoid = NormalisedSigmoid()  # [6]
    values: TargetValues = TargetValues()  # [6, 7]
    attention_query: BackboneQuery | RetrieverQuery = BackboneQuery()  # [7]
    fusion: LinearFusion = LinearFusion()  # [7]
    share: ScheduledShare = ScheduledShare()  # [7]
    enhanced_weight: Schedule = Constant(0.5)  # [8]
    alignment_weight: Schedule = Constant(0.03)  # [8]
    divergence: Divergence = ForwardKL()  # [8]
    sample_mask: AllSamples = AllSamples()  # [8]
    combiner: WeightedSum = WeightedSum()  # [8]
    extra_terms: tuple[ExtraTerm, ...] = ()  # [8]
    refresh: StoredKeysRefresh = StoredKeysRefresh()  # [9]
    scorer: Scorer = EnhancedDot()  # [10]
    checkpoint: BestOnValid = BestOnValid()  # data protocol
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

    def check(self) -> tuple[str, ...]:
        """Why this combination cannot work, a sentence each; empty where it can."""
        problems: list[str] = []
        if self.alignment_weight == Constant(0.0) and self.divergence != ForwardKL():
            problems.append(
                f"divergence is {self.divergence}, but alignment_weight is 0, so the divergence is never computed; "
                "give the term a weight above 0"
            )
        return tuple(problems)


SEAMS = tuple(each.name for each in fields(Recipe))
BASE = Recipe()
