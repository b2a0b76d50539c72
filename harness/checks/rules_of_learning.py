"""Rules on claims 1, 2, 5 and 6: what is learnt, and from which term."""

from __future__ import annotations

from harness.checks.rule import Expected, Rule, always

RULES: tuple[Rule, ...] = (
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
)
