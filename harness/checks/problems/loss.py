"""Claim 5: the weights of the loss terms."""

from __future__ import annotations

import math

from harness.checks.base import TELLING, Bearing, Check, Compares, Rule, Severity, Unit, figures
from harness.checks.leads import above, below

FIGURES = figures(
    "loss",
    (
        "loss.gradient.alignment.retriever",
        Unit.NORM,
        "gradient of the weighted alignment (KL) term at the retriever",
        TELLING,
    ),
    (
        "loss.share.alignment.retriever",
        Unit.FRACTION,
        "share of the alignment (KL) term in the gradient norms at the retriever",
        TELLING,
    ),
    ("loss.cosine.enhanced.alignment", Unit.COSINE, "between the gradients of CE(enhanced) and the alignment", TELLING),
    ("loss.weight.TERM", Unit.RATIO, "weight of the term in the epoch"),
    ("loss.value.TERM", Unit.NATS, "value of the term on training samples, in evaluation mode"),
    ("loss.valid_gap.TERM", Unit.NATS, "value of the term on validation queries minus that on training samples"),
    ("loss.gradient.TERM.GROUP", Unit.NORM, "gradient of the weighted term at the group; 0 means no path"),
    ("loss.share.TERM.GROUP", Unit.FRACTION, "the term's share of the sum of all terms' gradient norms at the group"),
    ("loss.cosine.TERM.OTHER", Unit.COSINE, "between the gradients of two terms; below 0 means a conflict"),
    ("loss.decay.GROUP", Unit.NORM, "gradient of the weight decay at the group"),
)

CHECKS = (
    Check(
        code="FTR501",
        claim="loss",
        bearing=Bearing.DECIDES,
        title="Two loss terms pull in opposite directions",
        severity=Severity.MEDIUM,
        issue=lambda read: below(read["loss.cosine.enhanced.alignment"], -0.1, math.nan),
        compares=Compares.RUNS,
        condition="The gradients of the two terms have a cosine below −.1. Not applicable where one of them is 0.",
        detected=(
            "The gradients of CE(enhanced) and the KL term have a cosine of {loss.cosine.enhanced.alignment:.2f}."
        ),
        why="A step that improves one term worsens the other; the loss weights decide which one wins.",
        reduce=("loss.pareto", "kl.weight", "loss.ramp"),
    ),
    Check(
        code="FTR502",
        claim="loss",
        bearing=Bearing.DECIDES,
        title="One loss term dominates the retriever",
        severity=Severity.MEDIUM,
        issue=lambda read: None if min(read.values()) == 0.0 else above(max(read.values()), 0.95, math.nan, room=0.05),
        compares=Compares.RUNS,
        condition=(
            "Both terms reach the retriever, and one supplies over 95% of the gradient norms. Not applicable where "
            "only one does."
        ),
        detected=(
            "CE(enhanced) supplies {loss.share.enhanced.retriever:.1%} of the gradient norms at the retriever, the KL "
            "term {loss.share.alignment.retriever:.1%}."
        ),
        why="The other term has a gradient path but almost no influence.",
        reduce=("kl.weight", "loss.adaptive", "loss.pareto"),
    ),
)

RULES: tuple[Rule, ...] = ()
