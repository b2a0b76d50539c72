"""Rules on claims 3 and 7 to 10: what is in the memory, and what finds it."""

from __future__ import annotations

from harness.checks.rule import Expected, Rule, always

RULES: tuple[Rule, ...] = (
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
