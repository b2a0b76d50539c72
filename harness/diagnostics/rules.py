"""From evidence to what to try: each rule reads figures of the base run and predicts what remedies would do.

A rule is a few lines with its thresholds written down, so that it can be argued with; a study that runs the remedies
confirms or refutes it.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.diagnostics.checks import SMALLEST_GAIN, clear_gain
from harness.diagnostics.checks_of_fusion import INTERPOLATING
from harness.diagnostics.checks_of_serving import HIDING
from harness.diagnostics.rule import Expected, Figures, Remedy, Rule, Settings, Suggestion


def always(*stacks: str) -> Callable[[Figures], tuple[tuple[Remedy, ...], ...]]:
    """The same stacks whatever the figures; ``a + b`` is a stack of two."""
    fixed = tuple(tuple(Remedy(id=each) for each in stack.split(" + ")) for stack in stacks)
    return lambda _: fixed


def _interpolated(read: Figures) -> tuple[tuple[Remedy, ...], ...]:
    found: Settings = {
        "l": read["head_room.interpolation_l"],
        "k": round(read["head_room.interpolation_k"]),
        "tau": read["head_room.interpolation_tau"],
    }
    if read["head_room.interpolation_new"]:
        found = {**found, "targets": "new"}
    return ((Remedy(id="wiring.interpolate", settings=found),),)


ORACLE = (
    "head_room.off",
    "head_room.oracle_alpha",
    "head_room.oracle_alpha_shuffled",
    "head_room.oracle_alpha_error",
)


def _left_by_alpha(read: Figures) -> float:
    return read["head_room.oracle_alpha"] - read["head_room.oracle_alpha_shuffled"]


RULES: tuple[Rule, ...] = (
    Rule(
        name="filter_seen",
        title="Recommend unseen items only",
        reads=("history.top10_seen", *HIDING),
        holds=lambda read: clear_gain(read, *HIDING),
        stacks=always("wiring.filter_seen"),
        expected=Expected.BETTER,
        gain=lambda read: read["history.unseen_items"] - read["history.all_items"],
        condition=(
            "Hiding the user's history gains more than .002 NDCG@10 on valid, and more than two standard errors of "
            "the gain."
        ),
        because=(
            "{history_top10_seen:.0%} of the first ten places go to what the user has had; with it hidden, valid "
            "NDCG@10 goes from {history_all_items:.4f} to {history_unseen_items:.4f}."
        ),
    ),
    Rule(
        name="interpolate",
        title="Mix probabilities instead of vectors",
        reads=(
            *INTERPOLATING,
            "head_room.unseen",
            "head_room.interpolation_unseen",
            "head_room.interpolation_l",
            "head_room.interpolation_k",
            "head_room.interpolation_tau",
            "head_room.interpolation_new",
        ),
        holds=lambda read: clear_gain(read, *INTERPOLATING),
        stacks=_interpolated,
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.interpolation_valid"] - read["head_room.off"],
        condition=(
            "The best interpolation of a small grid beats the backbone on valid by more than .002 and by more than two "
            "of its standard errors."
        ),
        because=(
            "Without any training, mixing probabilities takes valid NDCG@10 from {head_room_off:.4f} to "
            "{head_room_interpolation_valid:.4f}; with the user's history hidden, from {head_room_unseen:.4f} to "
            "{head_room_interpolation_unseen:.4f}."
        ),
    ),
    Rule(
        name="lengthen",
        title="Bring the knowledge to the length of what it is mixed into",
        reads=("fusion.knowledge_to_sequence", "head_room.off", "head_room.best_common"),
        holds=lambda read: (
            read["fusion.knowledge_to_sequence"] < 0.2
            and read["head_room.best_common"] - read["head_room.off"] > SMALLEST_GAIN
        ),
        stacks=always("wiring.scale"),
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.best_common"] - read["head_room.off"],
        condition=(
            "The knowledge is less than a fifth as long as the vector it is mixed into, and the best common alpha at "
            "equal lengths beats the backbone on valid by more than .002."
        ),
        because=(
            "The knowledge is {fusion_knowledge_to_sequence:.3f} times as long as s; at equal lengths the best alpha "
            "for all takes valid NDCG@10 from {head_room_off:.4f} to {head_room_best_common:.4f}."
        ),
    ),
    Rule(
        name="mix_by_user",
        title="Let the mixture follow the user",
        reads=ORACLE,
        holds=lambda read: (
            _left_by_alpha(read)
            > max(0.05 * read["head_room.off"], SMALLEST_GAIN, 2.0 * read["head_room.oracle_alpha_error"])
        ),
        stacks=always("wiring.scale + fusion.adaptive", "wiring.scale + fusion.gate"),
        expected=Expected.MOVES,
        condition=(
            "An oracle for alpha gains more than the same oracle on shuffled neighbours, by over 5% of the backbone, "
            "over .002 and over two standard errors."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room_oracle_alpha:.4f} on valid, on shuffled neighbours "
            "{head_room_oracle_alpha_shuffled:.4f}; what lies between could be won by a mixture that knows its user."
        ),
        weight=0.8,
    ),
    Rule(
        name="no_mixture_wins",
        title="No mixture by user will win with these neighbours",
        reads=ORACLE,
        holds=lambda read: (
            _left_by_alpha(read) + 2.0 * read["head_room.oracle_alpha_error"]
            < max(0.05 * read["head_room.off"], SMALLEST_GAIN)
        ),
        stacks=always("fusion.adaptive", "fusion.gate", "fusion.attention"),
        expected=Expected.IDLE,
        condition=(
            "What an oracle for alpha gains over the same oracle on shuffled neighbours is, even with two standard "
            "errors more, below 5% of the backbone (or below .002)."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room_oracle_alpha:.4f} on valid and with another user's "
            "neighbours {head_room_oracle_alpha_shuffled:.4f}: the gain is that of any oracle."
        ),
    ),
    Rule(
        name="reach_the_retriever",
        title="Let the recommendation loss reach the retriever",
        reads=("loss.gradient.enhanced.retriever", "loss.weight.enhanced"),
        holds=lambda read: read["loss.gradient.enhanced.retriever"] == 0.0 and read["loss.weight.enhanced"] > 0.0,
        stacks=always("wiring.retriever_attention", "wiring.live_keys", "training.unfreeze"),
        expected=Expected.MOVES,
        condition="The enhanced loss has a weight and no gradient at the retriever.",
        because="The gradient of CE(enhanced) at the retriever is 0: what it asks for is never learnt.",
        weight=0.9,
    ),
    Rule(
        name="weights_are_idle",
        title="Weights of a loss without a gradient change nothing",
        reads=("loss.gradient.enhanced.retriever", "loss.gradient.recommendation.retriever"),
        holds=lambda read: (
            read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        stacks=always("loss.ramp", "loss.adaptive", "retriever.staged"),
        expected=Expected.IDLE,
        condition="Neither recommendation loss has a gradient at the retriever.",
        because="Neither CE(s) nor CE(enhanced) has a gradient at the retriever; their weights are in the log alone.",
    ),
    Rule(
        name="shrink_the_logits",
        title="Normalise before a temperature is tuned",
        reads=("temperature.effective_neighbours", "temperature.logit_range"),
        holds=lambda read: read["temperature.effective_neighbours"] < 1.5,
        stacks=always("wiring.cosine"),
        expected=Expected.MOVES,
        condition="The attention spreads over fewer than 1.5 effective neighbours.",
        because=(
            "The logits span {temperature_logit_range:.0f}, so the attention uses "
            "{temperature_effective_neighbours:.2f} effective neighbours."
        ),
        weight=0.7,
    ),
    Rule(
        name="temperature_is_idle",
        title="No temperature of the proposed range changes the attention",
        reads=("temperature.effective_neighbours.at_0.07", "temperature.effective_neighbours.at_0.2"),
        holds=lambda read: read["temperature.effective_neighbours.at_0.2"] < 1.5,
        stacks=always("temperature.raise", "temperature.anneal", "temperature.per_sample"),
        expected=Expected.IDLE,
        condition="At a temperature of .2 the attention still spreads over fewer than 1.5 effective neighbours.",
        because=(
            "On the same weights the attention uses {temperature_effective_neighbours_at_0_07:.2f} effective "
            "neighbours at .07 and {temperature_effective_neighbours_at_0_2:.2f} at .2."
        ),
    ),
    Rule(
        name="sharpen_the_teacher",
        title="Give the retriever a teacher that prefers something",
        reads=("kl.p_rec_entropy",),
        holds=lambda read: read["kl.p_rec_entropy"] > 0.99,
        stacks=always("wiring.likelihood_teacher"),
        expected=Expected.MOVES,
        condition="P_rec has more than 99% of the largest entropy.",
        because="P_rec has {kl_p_rec_entropy:.4f} of the largest entropy: it prefers no neighbour.",
        weight=0.6,
    ),
    Rule(
        name="direction_is_idle",
        title="Neither direction nor weight of the KL term will win while its teacher says nothing",
        reads=("kl.p_rec_entropy", "fusion.top10_replaced"),
        holds=lambda read: read["kl.p_rec_entropy"] > 0.99 and read["fusion.top10_replaced"] < 0.02,
        stacks=always("kl.reverse", "kl.weight", "kl.symmetric"),
        expected=Expected.IDLE,
        condition="P_rec has more than 99% of the largest entropy, and mixing replaces under 2% of the top ten.",
        because=(
            "P_rec has {kl_p_rec_entropy:.4f} of the largest entropy, and what is retrieved replaces "
            "{fusion_top10_replaced:.1%} of the top ten."
        ),
    ),
    Rule(
        name="neighbours_are_idle",
        title="Better neighbours will not show while mixing changes no ranking",
        reads=("fusion.top10_replaced",),
        holds=lambda read: read["fusion.top10_replaced"] < 0.02,
        stacks=always(
            "index.sources",
            "index.refresh",
            "index.quality_filter",
            "index.managed",
            "scope.quality",
            "scope.stratified",
            "scope.hard_negatives",
            "search.scaled",
            "search.diverse",
            "search.ensemble",
            "retriever.warm_start",
            "retriever.regularised",
        ),
        expected=Expected.IDLE,
        condition="Mixing replaces under 2% of the backbone's top ten.",
        because=(
            "Mixing replaces {fusion_top10_replaced:.1%} of the backbone's top ten: other neighbours would be mixed in "
            "as little."
        ),
    ),
    Rule(
        name="encode_again",
        title="Encode the memory again as the retriever moves",
        reads=("index.staleness", "index.refresh_moves", "fusion.top10_replaced"),
        holds=lambda read: (
            read["index.staleness"] < 0.99
            and read["index.refresh_moves"] == 0.0
            and read["fusion.top10_replaced"] >= 0.02
        ),
        stacks=always("index.refresh"),
        expected=Expected.MOVES,
        condition="Stored keys have drifted, a refresh by the present rule moves none, and mixing changes rankings.",
        because=(
            "Stored keys and keys encoded now have a mean cosine of {index_staleness:.3f}, and no refresh mends it."
        ),
        weight=0.5,
    ),
    Rule(
        name="retrieve_alike",
        title="Retrieve in training as in evaluation",
        reads=("evaluation.train_eval_overlap", "fusion.top10_replaced"),
        holds=lambda read: read["evaluation.train_eval_overlap"] < 0.5 and read["fusion.top10_replaced"] >= 0.02,
        stacks=always("evaluation.consistent"),
        expected=Expected.MOVES,
        condition="Fewer than half of a sample's neighbours are the same in both modes, and mixing changes rankings.",
        because=(
            "{evaluation_train_eval_overlap:.0%} of a training sample's neighbours in evaluation are its neighbours "
            "in training, too."
        ),
        weight=0.5,
    ),
    Rule(
        name="admit_short_ones",
        title="Admit entries by quality instead of length",
        reads=("scope.dropped", "scope.hit_rate_all", "scope.hit_rate_kept", "fusion.top10_replaced"),
        holds=lambda read: (
            read["scope.dropped"] > 0.0
            and read["scope.hit_rate_all"] > 1.02 * read["scope.hit_rate_kept"]
            and read["fusion.top10_replaced"] >= 0.02
        ),
        stacks=always("scope.quality", "scope.stratified"),
        expected=Expected.MOVES,
        condition="With the entries that the filter drops the hit rate is 2% higher, and mixing changes rankings.",
        because=(
            "The filter drops {scope_dropped:.0%} of the entries; with them the hit rate is {scope_hit_rate_all:.2%}, "
            "without {scope_hit_rate_kept:.2%}."
        ),
        weight=0.4,
    ),
    Rule(
        name="start_is_aligned",
        title="A warm start has nothing to align",
        reads=("retriever.query_to_sequence",),
        holds=lambda read: read["retriever.query_to_sequence"] > 0.9,
        stacks=always("retriever.warm_start"),
        expected=Expected.IDLE,
        condition="R(s) and s have a mean cosine above .9.",
        because="R(s) and s have a mean cosine of {retriever_query_to_sequence:.3f}: the retriever starts aligned.",
    ),
)


def suggestions(figures: Figures) -> tuple[Suggestion, ...]:
    """What every rule that holds makes of the figures: predicted gains first, then what moves, then what is idle.

    A stack that one rule expects to be idle stays in the list of another that expects more of it: the study decides.
    """
    found = [suggestion for rule in RULES if (suggestion := rule(figures)) is not None]
    order = tuple(Expected)
    return tuple(sorted(found, key=lambda each: (order.index(each.expected), -(each.gain or 0.0), -each.weight)))
