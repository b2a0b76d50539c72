"""The next study: the first rule that proposes one, and its study file with cost and minimum detectable effect."""

from __future__ import annotations

from typing import Any, cast

from reports.locale import Catalogue, formats
from reports.next.catalogue import NEXT_RULES
from reports.next.cost import cost_comment, in_words, sight_comment, size_of
from reports.next.given import Given, given_of
from reports.next.model import NextStudy, Proposal, Reason
from reports.next.naming import next_name
from reports.next.rule import NextRule
from reports.next.rules.untried import TryPredictedGains
from reports.sections.base import SectionInput

ON_THE_LINE = frozenset(("replicates", "epochs", "device"))
"""Options of ``ftr-study run`` that override keys of the study file."""


def next_of(section: SectionInput) -> NextStudy | None:
    """Return what to try next; None if the folder has no study file, as for a table of ranks."""
    given = given_of(section)
    if given is None:
        return None
    rule, proposal = _first(given)
    if rule is None or proposal is None:
        return NextStudy(rule="", sentence=given.text("next.none_searched" if given.searched else "next.none"))
    return _study(given, rule, proposal)


def _first(given: Given) -> tuple[NextRule | None, Proposal | None]:
    """The first rule that proposes something, and its proposal."""
    for rule in NEXT_RULES:
        proposal = rule.propose(given)
        if proposal is not None:
            return rule, proposal
    return None, None


def adopt_for_now(adopt: str, section: SectionInput) -> str:
    """Return what to adopt, with a sentence on a predicted gain that has not been tried, if there is one.

    Args:
        adopt: the advice from the verdicts alone, such as to keep base.
    """
    given = given_of(section)
    rule, found = (None, None) if given is None else _first(given)
    if found is None or found.gain is None or not isinstance(rule, TryPredictedGains):
        return adopt
    said = section.text(
        "next.adopt_alone" if given and given.alone else "next.adopt", gain=formats.signed(found.gain, 4)
    )
    return section.text("list.sentences").join([adopt, said])


def _study(given: Given, rule: NextRule, proposal: Proposal) -> NextStudy:
    text = given.text
    rules = (
        Reason(
            name=rule.name,
            title=_said(text, rule, "title"),
            because=proposal.because,
            expects=_said(text, rule, "expects"),
            page=f"next/{rule.name}.md",
        ),
        *proposal.reasons,
    )
    sentence = text("next.sentence", does=proposal.does)
    if proposal.gain is not None:
        sentence = text("next.sentence_gain", does=proposal.does, gain=formats.signed(proposal.gain, 4))
    if proposal.kind == "done":
        return NextStudy(rule=rule.name, sentence=sentence, rules=rules, dropped=proposal.dropped)
    size = size_of(given, proposal)
    same = proposal.kind == "again" and _on_the_line(given)
    name = _own_name(given) if same else next_name(_root(given), proposal.kind)
    options = "".join(f" --{option} {value}" for option, value in given.ground.changed.items()) if same else ""
    base = given.section.analysis.base_mean
    comments = [
        f"Written by ftr-study next from {given.manifest.name}; rule: {rule.name}"
        + (f" ({', '.join(each.name for each in proposal.reasons)})" if proposal.reasons else ""),
        cost_comment(size, given),
        sight_comment(size, given),
    ]
    return NextStudy(
        rule=rule.name,
        sentence=sentence,
        name=name,
        rules=rules,
        dropped=proposal.dropped,
        file=given.ground.text(_keys(given, rule, proposal, name), comments),
        command=f"ftr-study next runs/{given.section.frame.folder or given.manifest.name} | ftr-study run -{options}",
        options=options,
        cells=size.cells,
        reused=size.reused,
        seconds=size.seconds,
        detectable=size.detectable,
        noise=size.noise,
        detectable_share=size.detectable / base if size.detectable is not None and base else None,
        gain=proposal.gain,
        size=in_words(size, base, given),
    )


def _said(text: Catalogue, rule: NextRule, what: str) -> str:
    """A rule's text in the language of the report; the rule class itself holds the English text."""
    key = f"next.rule.{rule.name}.{what}"
    return text(key) if text.has(key) else str(getattr(rule, what))


def _root(given: Given) -> str:
    """The study's name in its file with the options changed on the command line, to keep the two distinct."""
    changed = dict(given.ground.changed)
    if given.alone:
        changed.pop("replicates", None)  # set by the diagnosis itself, not by the user
    return _own_name(given) + "".join(f"_{option}{value}" for option, value in sorted(changed.items()))


def _own_name(given: Given) -> str:
    return str(given.ground.keys.get("name") or given.manifest.name)


def _on_the_line(given: Given) -> bool:
    """Whether every override of the file can be given again on the command line."""
    return given.ground.changed.keys() <= ON_THE_LINE


def _keys(given: Given, rule: NextRule, proposal: Proposal, name: str) -> dict[str, object]:
    """The keys of the study file, in the usual order."""
    if proposal.kind == "again":
        return {**(given.ground.found if _on_the_line(given) else given.ground.keys), "name": name}
    own = {**proposal.ground.keys, **proposal.keys, "name": name}
    if "mode" not in proposal.keys:
        of_mode = ("mode", own.get("mode"))  # the section of a mode has the name of the mode
        own = {key: value for key, value in own.items() if key not in of_mode}
    if "arms" not in proposal.keys:
        arms = {arm.name: [given.ground.written(each) for each in arm.stack] for arm in proposal.arms}
        own["arms"] = {arm: stack[0] if len(stack) == 1 else stack for arm, stack in arms.items()}
    if "replicates" not in proposal.keys:
        own["replicates"] = proposal.n_seeds
    diagnostics = own.get("diagnostics")
    if isinstance(diagnostics, dict):
        own["diagnostics"] = {key: each for key, each in cast("dict[str, Any]", diagnostics).items() if key != "arms"}
    own["question"] = _question(rule, given)
    own["follows"] = _follows(given, rule, proposal)
    first = ("name", "question", "data", "base", "arms", "mode", "replicates", "seed")
    return {key: own[key] for key in (*first, *own) if key in own}


def _question(rule: NextRule, given: Given) -> str:
    """The question of the next study, in English like the whole file."""
    return f"{rule.title} (after {given.manifest.name})"


def _follows(given: Given, rule: NextRule, proposal: Proposal) -> dict[str, object]:
    expects: dict[str, object] = {}
    for arm in proposal.arms:
        if arm.expects is not None:
            gain = {} if arm.gain is None else {"gain": float(f"{arm.gain:.4g}"), "metric": arm.metric}
            expects[arm.name] = {"rule": arm.rule, "verdict": arm.expects, **gain}
    return {"study": given.manifest.name, "rule": rule.name, **({"expects": expects} if expects else {})}
