"""The problems that the remedies belong to: each a claim about what holds FTragrec back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One problem and the name that the ids of its remedies begin with.

    Attributes:
        name: the part of an id before the dot.
        number: of the problem in the list; 0: beyond the list; None: not of the list, such as a plug-in's.
        title: a short heading in English.
        title_zh: the problem list's own heading.
        claim: what is said to hold FTragrec back, in a sentence; a study tests whether it is true.
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
        title="The KL term trains the retriever in the wrong direction",
        title_zh="检索器优化方向偏差",
        claim=(
            "The KL divergence makes the retriever imitate a fixed recommender, so the retriever learns nothing new."
        ),
    ),
    Family(
        name="training",
        number=2,
        title="Frozen backbone and unbalanced learning rates",
        title_zh="参数冻结与学习率不平衡",
        claim="Most of the mixture comes from a frozen backbone, which cannot adapt to retrieval.",
    ),
    Family(
        name="index",
        number=3,
        title="Stale index without quality control",
        title_zh="FAISS 索引更新问题",
        claim=(
            "Rebuilding the index from the same entries adds nothing new, lets keys and queries drift apart, and never "
            "removes bad entries."
        ),
    ),
    Family(
        name="fusion",
        number=4,
        title="Fusion with a single fixed alpha",
        title_zh="检索增强与原始模型的融合问题",
        claim="A single mixing weight cannot rely more on good neighbours than on poor ones.",
    ),
    Family(
        name="loss",
        number=5,
        title="Weights of the loss terms",
        title_zh="损失函数权重设置不合理",
        claim="Fixed weights let one term dominate the others, or train on neighbours whose quality is still poor.",
    ),
    Family(
        name="temperature",
        number=6,
        title="Attention temperature too low",
        title_zh="温度参数与注意力分布问题",
        claim="At a temperature of 0.07, the nearest neighbour gets all the weight, including its noise.",
    ),
    Family(
        name="retriever",
        number=7,
        title="Retriever initialisation and over-fitting",
        title_zh="模型初始化与过拟合问题",
        claim="The retriever starts out of alignment with the backbone, and little prevents it from over-fitting.",
    ),
    Family(
        name="evaluation",
        number=8,
        title="Training and evaluation are inconsistent",
        title_zh="评估与训练的不一致性",
        claim=(
            "Evaluation retrieves differently from training, and the pretrained start makes the first evaluation look "
            "too good."
        ),
    ),
    Family(
        name="scope",
        number=9,
        title="Limited retrieval scope",
        title_zh="检索范围限制问题",
        claim="A length filter drops useful short histories and keeps poor long ones.",
    ),
    Family(
        name="search",
        number=10,
        title="FAISS search settings and diversity",
        title_zh="FAISS 检索参数配置问题",
        claim="An approximate search that visits ten lists misses neighbours, and those it finds may be redundant.",
    ),
    Family(
        name="wiring",
        number=0,
        title="Beyond the problem list: how the code is wired",
        title_zh="问题清单之外：代码的连接方式",
        claim=(
            "Many settings hardly matter because of how the code is wired: raw dot products, knowledge vectors too "
            "short to matter, a loss without a gradient path to the retriever, and top-10 slots spent on items the "
            "user already had."
        ),
    ),
)


STUDY = Family(
    name="study",
    number=11,
    title="The study itself",
    title_zh="研究本身",
    claim="What the study compares, searches and measures can mislead, whatever the recommender does.",
)
"""Heading of the checks of a whole study; it is not a problem of the list and has no remedies."""

BACKBONE = Family(
    name="backbone",
    number=None,
    title="The backbone",
    title_zh="骨干模型",
    claim="",
)
"""Heading of arms that train another backbone; it is not a problem of the list."""


def family_of(name: str) -> Family:
    """The family of that name; an unknown name is that of a plug-in's family, which states no claim."""
    for each in (*FAMILIES, STUDY, BACKBONE):
        if each.name == name:
            return each
    return Family(name=name, number=None, title="From a plug-in", title_zh="", claim="")
