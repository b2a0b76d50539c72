"""What every figure of a diagnosis means: the one table that pages and reports read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """Which entries of a diary have a figure."""

    EVERY_EPOCH = "every evaluation"
    AT_THE_START = "before training; in full at every evaluation"
    IN_FULL = "every evaluation, in full only"


class Unit(Enum):
    """What a figure counts in."""

    FRACTION = "fraction in [0, 1]"
    COSINE = "cosine in [-1, 1]"
    METRIC = "NDCG@10 on the sample"
    CHOOSING = "the metric that chooses the checkpoint"
    NATS = "nats"
    NORM = "Euclidean norm"
    LOGITS = "logits"
    COUNT = "number"
    EPOCHS = "epochs"
    DEGREES = "degrees"
    MILLISECONDS = "ms"
    YES = "1 or 0"
    RATIO = "ratio"
    CKA = "CKA in [0, 1]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure, or a family of them.

    Attributes:
        name: claim or theme, a dot, and what; words in capitals stand for a part that varies, see :data:`PARTS`.
        meaning: what it says, a phrase.
        unit: what it counts in.
        when: which entries have it.
    """

    name: str
    meaning: str
    unit: Unit
    when: When = When.EVERY_EPOCH

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the names of the family look like."""
        words = (PARTS[word][0] if word in PARTS else re.escape(word) for word in self.name.split("."))
        return re.compile(r"\.".join(words))


PARTS: dict[str, tuple[str, str]] = {
    "TERM": (r"[a-z_]+", "a term of the loss: recommendation, enhanced, alignment, or an extra one"),
    "OTHER": (r"[a-z_]+", "a later term of the loss"),
    "GROUP": (r"[a-z_]+(?:\.\d+)?", "a group of parameters: retriever, fusion, or a part of the backbone"),
    "at_TAU": (r"at_[\d.]+", "`at_` and a temperature"),
    "query_LENGTH": (r"query_(?:to_\d+|beyond)", "`query_` and a stratum of prefix lengths, such as `to_10`, `beyond`"),
    "entry_LENGTH": (r"entry_(?:to_\d+|beyond)", "`entry_` and a stratum of prefix lengths"),
}
"""Word of a family's name -> what it matches, and what it stands for."""


def _of(when: When, *rows: tuple[str, Unit, str]) -> tuple[Figure, ...]:
    return tuple(Figure(name=name, unit=unit, meaning=meaning, when=when) for name, unit, meaning in rows)


FIGURES: tuple[Figure, ...] = (
    *_of(
        When.EVERY_EPOCH,
        ("kl.p_ret_entropy", Unit.FRACTION, "entropy of P_ret over its largest, mean over training samples"),
        ("kl.p_rec_entropy", Unit.FRACTION, "entropy of P_rec over its largest; 1 is uniform"),
        ("kl.divergence", Unit.NATS, "the recipe's divergence of the two, mean over training samples"),
        ("kl.new_information", Unit.FRACTION, "valid queries whose target a neighbour names and the top ten misses"),
        ("kl.imitation", Unit.FRACTION, "overlap of the knowledge's ten favourite items with the backbone's ten"),
        ("training.valid", Unit.CHOOSING, "what this epoch is chosen by"),
        ("training.last_slope", Unit.CHOOSING, "its rise over the epoch before"),
        ("training.best_epoch_is_last", Unit.YES, "whether this epoch is better than all before it"),
        ("training.hit_rate_start", Unit.FRACTION, "valid queries with a neighbour that led to their target at first"),
        ("training.hit_rate", Unit.FRACTION, "those that have one now"),
        ("training.hit_rate_error", Unit.FRACTION, "standard error of the difference of the two"),
        ("loss.weight.TERM", Unit.RATIO, "weight of the term in the epoch"),
        ("loss.value.TERM", Unit.NATS, "value of the term on training samples, in evaluation mode"),
        ("loss.valid_gap.TERM", Unit.NATS, "its value on valid queries less that on training samples"),
        ("loss.gradient.TERM.GROUP", Unit.NORM, "gradient of the weighted term at the group; 0 is no path"),
        ("loss.share.TERM.GROUP", Unit.FRACTION, "its part of the sum of all terms' gradient norms at the group"),
        ("loss.cosine.TERM.OTHER", Unit.COSINE, "between the gradients of two terms; below 0 is a conflict"),
        ("loss.decay.GROUP", Unit.NORM, "gradient of the weight decay at the group"),
        ("temperature.logit_range", Unit.LOGITS, "highest less lowest attention logit of a query's neighbours"),
        ("temperature.top_share", Unit.FRACTION, "largest attention weight, mean over valid queries"),
        ("temperature.effective_neighbours", Unit.COUNT, "exponential of the attention's entropy"),
        ("temperature.tau", Unit.RATIO, "temperature of the attention, mean over valid queries"),
        ("temperature.effective_neighbours.at_TAU", Unit.COUNT, "the same at another temperature, weights fixed"),
        ("fusion.sequence_norm", Unit.NORM, "length of s"),
        ("fusion.key_norm", Unit.NORM, "length of the neighbours' keys"),
        ("fusion.knowledge_to_sequence", Unit.RATIO, "length of the knowledge over that of s"),
        ("fusion.angle_degrees", Unit.DEGREES, "angle between s and the mixed vector"),
        ("fusion.top10_replaced", Unit.FRACTION, "items of the backbone's top ten that scoring with retrieval drops"),
        ("fusion.with_neighbours", Unit.FRACTION, "valid queries with at least one neighbour"),
        ("index.staleness", Unit.COSINE, "between neighbours' stored keys and keys encoded now; 1 is current"),
        ("index.hit_rate", Unit.FRACTION, "valid queries with a neighbour that leads to their target"),
        ("index.cosine", Unit.COSINE, "between query and neighbour"),
        ("index.below_threshold", Unit.FRACTION, "neighbours under a cosine of .6"),
        ("index.own_user_share", Unit.FRACTION, "neighbours that belong to the asking user"),
        ("index.distinct_targets", Unit.COUNT, "items that a query's neighbours lead to"),
        ("index.target_similarity", Unit.COSINE, "between the embeddings of two neighbours' targets"),
        ("index.entries", Unit.COUNT, "entries of the memory"),
        ("index.hit_rate.query_LENGTH", Unit.FRACTION, "hit rate of queries in a stratum of prefix lengths"),
        ("index.precision.entry_LENGTH", Unit.FRACTION, "neighbours in a stratum that lead to the target"),
        ("index.overlap_previous", Unit.FRACTION, "neighbours at the evaluation before that are neighbours still"),
        ("index.age", Unit.EPOCHS, "time since all keys were encoded"),
        ("index.refreshed", Unit.YES, "whether the index was rebuilt since the evaluation before"),
        ("index.refresh_moves", Unit.RATIO, "1 less the cosine of a key before and after a refresh, if it came now"),
        ("index.refresh_moved", Unit.FRACTION, "entries whose key such a refresh would turn"),
        ("retriever.query_to_sequence", Unit.COSINE, "between R(s) and s"),
        ("retriever.hit_rate_train", Unit.FRACTION, "hit rate of training samples"),
        ("retriever.hit_rate_gap", Unit.FRACTION, "that less the hit rate of valid queries"),
        ("retriever.query_drift", Unit.RATIO, "1 less the cosine of R(s) now and at the start"),
        ("retriever.query_cka", Unit.CKA, "likeness of R(s) now and at the start, turns apart"),
        ("retriever.backbone_drift", Unit.RATIO, "1 less the cosine of s now and at the start"),
        ("retriever.backbone_cka", Unit.CKA, "likeness of s now and at the start, turns apart"),
        ("evaluation.valid_on", Unit.CHOOSING, "all valid users with retrieval, these weights"),
        ("evaluation.valid_off", Unit.CHOOSING, "all valid users without retrieval, these weights"),
        ("evaluation.first_off", Unit.CHOOSING, "all valid users without retrieval, before training"),
        ("history.top10_seen", Unit.FRACTION, "first ten places that go to items of the user's own history"),
        ("history.targets_seen", Unit.FRACTION, "valid targets that are in their user's history"),
        ("history.all_items", Unit.METRIC, "scores with retrieval on valid, everything ranked"),
        ("history.unseen_items", Unit.METRIC, "the same scores, the user's history hidden"),
        ("history.gain_error", Unit.METRIC, "standard error of the difference of the two"),
    ),
    *_of(
        When.AT_THE_START,
        ("evaluation.train_eval_overlap", Unit.FRACTION, "neighbours in evaluation that training finds as well"),
        ("search.recall", Unit.FRACTION, "nearest entries that the index finds, before any exclusion"),
        ("search.milliseconds_per_query", Unit.MILLISECONDS, "search by the index"),
        ("search.milliseconds_per_query_exact", Unit.MILLISECONDS, "exact search"),
        ("scope.dropped", Unit.FRACTION, "prefixes of the sources that are no entries"),
        ("scope.dropped_of_useful", Unit.FRACTION, "of neighbours that lead to the target, were all entries: dropped"),
        ("scope.hit_rate_kept", Unit.FRACTION, "hit rate by exact search among the entries"),
        ("scope.hit_rate_all", Unit.FRACTION, "hit rate by exact search among all prefixes of the sources"),
        ("scope.hit_rate_searched", Unit.FRACTION, "hit rate of the run's own search on the same queries"),
        ("head_room.off", Unit.METRIC, "the backbone on valid"),
        ("head_room.on", Unit.METRIC, "the run with retrieval on valid"),
        ("head_room.oracle_alpha", Unit.METRIC, "with the best alpha for each user, at equal lengths"),
        ("head_room.oracle_alpha_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.oracle_alpha_error", Unit.METRIC, "standard error of the difference of the two"),
        ("head_room.oracle_alpha_spread", Unit.RATIO, "standard deviation of the best alpha over users"),
        ("head_room.best_common_alpha", Unit.RATIO, "the alpha that is best for all, at equal lengths"),
        ("head_room.best_common", Unit.METRIC, "with that alpha"),
        ("head_room.oracle_switch", Unit.METRIC, "with retrieval on or off, whichever is better for each user"),
        ("head_room.oracle_switch_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_valid", Unit.METRIC, "best training-free interpolation of probabilities on valid"),
        ("head_room.interpolation_valid_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_gain_error", Unit.METRIC, "standard error of its gain over the backbone"),
        ("head_room.unseen", Unit.METRIC, "the backbone on valid, the user's history hidden"),
        ("head_room.interpolation_unseen", Unit.METRIC, "best such interpolation on valid, the user's history hidden"),
        ("head_room.off_test", Unit.METRIC, "the backbone on test queries of the same users; information only"),
        ("head_room.interpolation_test", Unit.METRIC, "that interpolation on test queries; information only"),
        ("head_room.interpolation_test_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_k", Unit.COUNT, "its neighbours; nothing where the backbone alone is best"),
        ("head_room.interpolation_tau", Unit.RATIO, "its temperature; nothing where the backbone alone is best"),
        (
            "head_room.interpolation_new",
            Unit.FRACTION,
            "1 where they lead to items new to the user alone, else 0; nothing where the backbone alone is best",
        ),
        ("head_room.interpolation_l", Unit.FRACTION, "the retrieved distribution's part in it"),
        ("head_room.hit_rate_by_sequence", Unit.FRACTION, "hit rate by exact search with s among all prefixes"),
    ),
    *_of(
        When.IN_FULL,
        ("index.refresh_overlap", Unit.FRACTION, "neighbours that a refresh by the recipe's rule would keep now"),
    ),
)


def figure_of(name: str) -> Figure:
    """The figure, or the family, of that name.

    Raises:
        KeyError: the table has none.
    """
    for figure in FIGURES:
        if figure.name == name or figure.pattern.fullmatch(name):
            return figure
    raise KeyError(name)
