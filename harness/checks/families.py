"""The problems that the remedies belong to: each a claim about what holds FTragrec back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One problem and the name that the ids of its remedies begin with.

    Attributes:
        name: the part of an id before the dot.
        number: the number of the problem in the list; 0 is beyond it, None a plug-in's own.
        title: a short heading in English.
        title_zh: the problem list's own heading.
        claim: what is said to hold FTragrec back, in a sentence; a study asks whether it is so.
    """

    name: str
    number: int | None
    title: str
    title_zh: str
    claim: str


FAMILIES: tuple[Family, ...] = (
    Family(
        name="kl",
        number=1,
        title="The KL term pulls the wrong way",
        title_zh="检索器优化方向偏差",
        claim="The divergence asks the retriever to imitate a recommender that never moves, so all it can learn is "
        "what that one knows already.",
    ),
    Family(
        name="training",
        number=2,
        title="A frozen backbone, unbalanced learning rates",
        title_zh="参数冻结与学习率不平衡",
        claim="Most of the mixture comes from a backbone that is frozen and so cannot adapt to being mixed.",
    ),
    Family(
        name="index",
        number=3,
        title="A memory that goes stale, without quality control",
        title_zh="FAISS索引更新问题",
        claim="Rebuilding the index from the same entries brings nothing new, lets keys and queries drift apart, and "
        "keeps bad entries for good.",
    ),
    Family(
        name="fusion",
        number=4,
        title="One fixed alpha for everyone",
        title_zh="检索增强与原始模型的融合问题",
        claim="A single mixing share cannot trust good neighbours more than poor ones.",
    ),
    Family(
        name="loss",
        number=5,
        title="The weights of the three loss terms",
        title_zh="损失函数权重设置不合理",
        claim="Fixed weights let one term rule the others, or train on neighbours that are not yet worth it.",
    ),
    Family(
        name="temperature",
        number=6,
        title="Attention too sharp",
        title_zh="温度参数与注意力分布问题",
        claim="At a temperature of 0.07 the nearest neighbour takes all the weight, its noise included.",
    ),
    Family(
        name="retriever",
        number=7,
        title="A random start, and over-fitting",
        title_zh="模型初始化与过拟合问题",
        claim="The retriever starts out of line with the backbone, and little keeps it from over-fitting.",
    ),
    Family(
        name="evaluation",
        number=8,
        title="Training and evaluation differ",
        title_zh="评估与训练的不一致性",
        claim="What is measured retrieves in another way than what was trained, and the pretrained start flatters the "
        "first figure.",
    ),
    Family(
        name="scope",
        number=9,
        title="What may be retrieved",
        title_zh="检索范围限制问题",
        claim="A filter by length drops useful short histories and lets poor long ones through.",
    ),
    Family(
        name="search",
        number=10,
        title="FAISS settings, and diversity",
        title_zh="FAISS检索参数配置问题",
        claim="An approximate search that visits ten lists misses neighbours, and those it finds may all say the same.",
    ),
    Family(
        name="wiring",
        number=0,
        title="Beyond the seed: what the code itself does",
        title_zh="代码本身的连接方式",
        claim="Much of why settings hardly matter lies in the wiring: raw dot products, knowledge too short to count, "
        "a loss that has no path to the retriever, and first places that go to what the user has had.",
    ),
)


STUDY = Family(
    name="study",
    number=11,
    title="The study itself",
    title_zh="研究本身",
    claim="What the study compares, searches and measures can mislead, whatever the recommender does.",
)
"""Heading of the checks of a whole study; it is no problem of the list and has no remedies."""


def family_of(name: str) -> Family:
    """The family of that name; a plug-in may bring one of its own, which states no claim."""
    for each in (*FAMILIES, STUDY):
        if each.name == name:
            return each
    return Family(name=name, number=None, title="From a plug-in", title_zh="", claim="")
