"""Which parts of a recipe affect which, and the combinations that therefore cannot work."""

from __future__ import annotations

from harness.backbones.values import ParameterGroups
from harness.recipe.recipe import Recipe
from harness.recipe.schedules import Constant, Progress
from harness.recipe.seams.objective import ALIGNMENT, ENHANCED, RECOMMENDATION
from harness.recipe.seams.phases import FUSION, RETRIEVER
from harness.recipe.seams.retrieval.search import Stage

BACKBONE = "backbone"

MIXING = frozenset({"attention_query", "similarity", "keys", "temperature", "values", "scale"})
"""Seams that the knowledge is computed from."""

ALIGNING = frozenset({"similarity", "keys", "temperature", "divergence", "teacher"})
"""Seams that the alignment term reads with any teacher."""

MIXED_IN = frozenset({"neighbours", "dense", "calibration", "reranker"})
"""Seams that have an effect only with a scorer that mixes neighbours into the scores."""

SCORING_ALONE = MIXED_IN | {"scorer", "candidates", "exclusion", "sources", "admission", "checkpoint", "backbone"}
"""Seams that can have an effect with a scorer that does not read the enhanced vector."""


def live_terms(recipe: Recipe) -> dict[str, frozenset[str]]:
    """Return loss term -> parts that its gradient reaches; terms that train nothing in any epoch are left out."""
    backbone = frozenset({BACKBONE} if recipe.moves_backbone else ())
    through_attention = recipe.fusion.reads_knowledge and (
        recipe.attention_query.reaches_retriever or recipe.keys.reaches_retriever
    )
    enhanced = {part for part, reached in ((FUSION, recipe.fusion.learns), (RETRIEVER, through_attention)) if reached}
    reached = {
        RECOMMENDATION: backbone,
        ENHANCED: (backbone | enhanced) if recipe.enhanced_weight != Constant(0.0) else frozenset[str](),
        ALIGNMENT: (backbone | {RETRIEVER}) if aligns(recipe) else frozenset[str](),
        **{type(each).__name__: frozenset({RETRIEVER}) for each in recipe.extra_terms},
    }
    return {term: parts for term, parts in reached.items() if parts}


def aligns(recipe: Recipe) -> bool:
    """Whether the alignment term is ever computed."""
    return recipe.alignment_weight != Constant(0.0)


def problems(recipe: Recipe, written: frozenset[str]) -> tuple[str, ...]:
    """Return the reasons why a recipe cannot work, one sentence each; empty if it can.

    Args:
        recipe: a base with an arm's stack applied.
        written: seams that the arm itself sets, without those that its base stack sets.
    """
    rules = (_unread, _dead_curriculum, _combiner, _refresh, _stream, _one_stage, _ranges, _scores_alone, _unmixed)
    return tuple(problem for rule in rules if (problem := rule(recipe, written)))


def without_blocks(recipe: Recipe, backbone: str) -> str:
    """Return why a recipe cannot run on a backbone without blocks; empty if it can.

    Args:
        recipe: the complete recipe of an arm.
        backbone: the backbone's name.
    """
    wanted = recipe.phases.last_blocks(recipe.learning_rates)
    if not wanted:
        return ""
    named = "the last block" if wanted == 1 else f"the last {wanted} blocks"
    return (
        f"{named} of the backbone would train while the rest of it is frozen, and {backbone} has no blocks; give "
        "training.unfreeze one value for start and all_from, or training.discriminative_lr blocks: 0, or leave it out"
    )


def unread_seams(recipe: Recipe) -> frozenset[str]:
    """Return the seams of the knowledge or of the alignment term that nothing in this recipe reads."""
    read = frozenset[str]()
    if recipe.fusion.reads_knowledge:
        read |= MIXING
    if aligns(recipe):
        read |= ALIGNING | ({"values"} if recipe.teacher.reads_values else set())
    return (MIXING | ALIGNING) - read


def _unread(recipe: Recipe, written: frozenset[str]) -> str:
    unread = sorted(written & unread_seams(recipe))
    if not unread:
        return ""
    reasons = [f"{recipe.fusion} weighs the neighbours itself"] * (not recipe.fusion.reads_knowledge)
    reasons += ["alignment_weight is 0, so the alignment term is never computed"] * (not aligns(recipe))
    return f"{' and '.join(reasons)}: nothing reads {', '.join(unread)}; leave one of the two out"


def _dead_curriculum(recipe: Recipe, written: frozenset[str]) -> str:
    if "curriculum" in written and not aligns(recipe):
        return "curriculum trains the alignment term first, but alignment_weight is 0; give the term a weight above 0"
    return ""


def _combiner(recipe: Recipe, written: frozenset[str]) -> str:
    if "combiner" not in written:
        return ""
    live = live_terms(recipe)
    most = max((sum(part in parts for parts in live.values()) for part in (BACKBONE, RETRIEVER, FUSION)), default=0)
    if most >= recipe.combiner.min_terms:
        return ""
    shown = ", ".join(f"{term} reaches {' and '.join(sorted(parts))}" for term, parts in live.items()) or "none does"
    return (
        f"{type(recipe.combiner).__name__} combines terms that train the same part, at least "
        f"{recipe.combiner.min_terms}, and there are {most} ({shown}); add a remedy that gives another term a path, "
        "such as wiring.retriever_attention"
    )


def _refresh(recipe: Recipe, written: frozenset[str]) -> str:
    if "refresh" not in written or not recipe.refresh.reencodes:
        return ""
    if not recipe.moves_backbone and not any(RETRIEVER in parts for parts in live_terms(recipe).values()):
        return "no term of the loss moves the retriever, so keys encoded anew are those that are stored; add one"
    first = recipe.phases.rates(Progress(epoch=0, epochs=1), ParameterGroups(blocks=(BACKBONE,)), recipe.learning_rates)
    if BACKBONE in first:
        return "the backbone moves in every epoch, and all keys are encoded anew after each; leave one of the two out"
    return ""


def _stream(recipe: Recipe, written: frozenset[str]) -> str:
    if "sources" in written and recipe.sources.grows and not live_terms(recipe):
        return "sources are released over epochs in which nothing trains; add a term, or hold nothing back"
    return ""


def _one_stage(recipe: Recipe, written: frozenset[str]) -> str:
    partial = sorted({str(each) for each in recipe.filters if set(each.stages) != set(Stage)})
    if partial and recipe.search_query.same_in_both_stages:
        return (
            f"{' and '.join(partial)} acts in one stage only, while {recipe.search_query} makes both the same; let the "
            "filter act in both"
        )
    return ""


def _ranges(recipe: Recipe, written: frozenset[str]) -> str:
    if recipe.index.ranges == recipe.selection.ranges:
        return ""
    return (
        f"index {recipe.index} and selection {recipe.selection} are made for different ranges of length; "
        "scope.stratified sets both, so leave out what replaces one of them"
    )


def _scores_alone(recipe: Recipe, written: frozenset[str]) -> str:
    unread = set() if recipe.dense.admission is None and "dense" not in unmixed_seams(recipe) else {"admission"}
    idle = sorted(written - (SCORING_ALONE - unread))
    if recipe.scorer.reads_enhanced or recipe.moves_backbone or not idle:
        return ""
    return (
        f"{type(recipe.scorer).__name__} scores by the backbone's vector and its neighbours alone, and the backbone is "
        f"frozen, so {', '.join(idle)} cannot change a rank; give the remedy that mixes onto: enhanced, unfreeze the "
        "backbone, or leave it out"
    )


def unmixed_seams(recipe: Recipe) -> frozenset[str]:
    """Return those of :data:`MIXED_IN` that have no effect in this recipe."""
    if not recipe.scorer.reads_neighbours:
        return MIXED_IN
    read = recipe.reranker.read(recipe.neighbours)
    dense = recipe.reranker.reads_dense or (read is not None and read.reads_dense)
    return frozenset({"dense"} if not dense else ()) | frozenset(
        {"neighbours"} if read is not recipe.neighbours else ()
    )


def _unmixed(recipe: Recipe, written: frozenset[str]) -> str:
    idle = sorted(written & unmixed_seams(recipe))
    if not idle:
        return ""
    if not recipe.scorer.reads_neighbours:
        mixes = "wiring.product or wiring.interpolate" + ", usually with wiring.overlap" * ("reranker" in idle)
        return (
            f"{type(recipe.scorer).__name__} mixes no neighbours into the scores, so nothing reads {', '.join(idle)}; "
            f"add {mixes}"
        )
    if recipe.reranker.read(recipe.neighbours) is not recipe.neighbours:
        return (
            "wiring.rerank with these figures does not read the neighbours of wiring.overlap; remove that, or write "
            "figures: all"
        )
    return (
        f"nothing reads {recipe.dense} with wiring.overlap; remove k, tau, admission and targets from the remedy "
        "that mixes, or write wiring.overlap: {neighbours: both}"
    )
