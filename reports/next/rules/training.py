"""Rules for a study in which nothing trains, or whose training was cut short."""

from __future__ import annotations

from typing import ClassVar, cast

from harness.checks.base import Remedy
from reports.locale import formats
from reports.next.candidates import MOST_ARMS
from reports.next.given import Given
from reports.next.model import Arm, Proposal
from reports.next.rule import NextRule
from reports.next.rules.winners import plain_name
from reports.stats.improving import improving_rows

LEARNING = tuple(
    Remedy(id=id) for id in ("wiring.cosine", "wiring.retriever_attention", "wiring.scale", "wiring.likelihood_teacher")
)
"""The base that learns (docs/base_that_learns.md)."""


class UseLearningBase(NextRule):
    """Run the same arms on the base that learns."""

    name: ClassVar[str] = "use_learning_base"
    title: ClassVar[str] = "Run the same arms on the base that learns"
    when: ClassVar[str] = (
        "No arm is better or worse than base, check FTR201 finds no gradient of the recommendation losses, and "
        "base is FTragrec as published. Arms that do not compose on the base that learns are left out."
    )
    expects: ClassVar[str] = "Every arm changes ranks: what it changes has a gradient there (base_that_learns.md)."

    def propose(self, given: Given) -> Proposal | None:
        still = {"equivalent", "no_effect", "inconclusive", "set_aside"}
        if not given.complete or given.ground.base or not given.fired("FTR201"):
            return None
        if not given.arms or any(row.verdict not in still for row in given.arms):
            return None
        ground = given.ground.on(LEARNING)
        if ground is None:
            return None
        members = {each.id for each in LEARNING}
        arms: list[Arm] = []
        dropped: list[str] = []
        for row in given.arms:
            stack = tuple(each for each in given.stack_of(row.name) if each.id not in members)
            if refusal := ground.refusal(stack) if stack else given.text("next.use_learning_base.in_base"):
                dropped.append(f"{row.name}: {refusal}")
            else:
                arms.append(
                    Arm(name=plain_name(row.name), stack=stack, rule=self.name, expects="moves", seconds=row.seconds)
                )
        distinct = {(arm.ids, repr(arm.stack)): arm for arm in reversed(arms)}
        chosen = tuple(arm for arm in arms if arm in distinct.values())[:MOST_ARMS]
        if not chosen:
            return None
        return Proposal(
            kind="next",
            does=given.text("next.use_learning_base.does", n=len(chosen)),
            because=given.text("next.use_learning_base.because"),
            ground=ground,
            arms=chosen,
            n_seeds=max(given.n_seeds, 3),
            reuses=False,
            dropped=tuple(dropped),
        )


class TrainLonger(NextRule):
    """Run the same arms with twice the budget."""

    name: ClassVar[str] = "train_longer"
    title: ClassVar[str] = "Train longer"
    when: ClassVar[str] = (
        "Check FTR202 finds that base's validation metric was still rising at the last epoch, or at least half of the "
        "rows chose the last of several epochs in at least half of their runs. The budget is doubled; at most 6 arms, "
        "the best estimates first. Not after a search, whose settings were chosen for its budget."
    )
    expects: ClassVar[str] = "No row chooses the last epoch; verdicts may change, and no direction is predicted."

    def propose(self, given: Given) -> Proposal | None:
        if given.searched or not given.complete or not given.arms:
            return None
        late, _, _ = improving_rows(given.section.frame)
        n_rows = sum(row.status == "run" for row in given.manifest.rows)
        if not given.fired("FTR202") and 2 * len(late) < n_rows:
            return None
        budget = dict(cast("dict[str, object]", given.ground.keys.get("budget") or {}))
        epochs = 2 * int(given.manifest.budget["epochs"])
        arms = tuple(
            Arm(
                name=plain_name(row.name),
                stack=given.stack_of(row.name),
                rule=self.name,
                seconds=None if row.seconds is None else 2.0 * row.seconds,
            )
            for row in [row for row in given.arms if given.runs(row)][:MOST_ARMS]
        )
        if not arms:
            return None
        return Proposal(
            kind="next",
            does=given.text("next.train_longer.does", n=epochs),
            because=given.text(
                "next.train_longer.because",
                n=len(late),
                all=n_rows,
                epochs=given.manifest.budget["epochs"],
                share=formats.share(len(late) / n_rows),
            ),
            ground=given.ground,
            arms=arms,
            keys={"budget": {**budget, "epochs": epochs}},
            n_seeds=max(given.n_seeds, 3),
            reuses=False,
        )
