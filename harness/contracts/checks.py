"""The contracts of checks, rules and probes, built-in or from a plug-in.

A plug-in defines a figure, its probe, and the checks or rules that read it in one module, named by the entry points
``ftr_study.figures``, ``ftr_study.probes``, ``ftr_study.checks`` and ``ftr_study.rules``. To test it::

    from harness.contracts.checks import check_check, check_probe

    def test_mine_keep_their_contracts():
        check_probe(PROBE)
        check_check(CHECK, issue={"acme.idle_users": 0.9}, passed={"acme.idle_users": 0.1})
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch

from harness.checks.base import Check, Figures, Rule, Status
from harness.checks.catalogue import ask, figure_of
from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, ContractError, probe_inputs
from harness.engine.loop import fine_tune
from harness.engine.run import Run
from harness.interventions import find
from harness.probes.catalogue import Probe
from harness.probes.sample import Past, ProbeSample
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.results.evidence import Entry
from harness.results.record import EpochPoint


def check_check(check: Check, *, issue: Figures, passed: Figures) -> None:
    """Check that a check's texts are valid and that its condition separates the two given sets of figures.

    Args:
        check: the check.
        issue: figures with the defect; the status must be ``issue``.
        passed: figures without the defect; the status must be ``passed``.

    Raises:
        ContractError: names the first point that the check violates.
    """
    _check_reading(check.code, check.reads, check.detected, check.condition, check.why)
    for name in check.reduce:
        find(name)
    for figures, expected in ((issue, Status.ISSUE), (passed, Status.PASSED)):
        found = ask(check, [Entry(epoch=1, figures=figures)]).status
        if found is not expected:
            raise ContractError(
                f"{check.code} is {found.value} on {dict(figures)}; it must be {expected.value}: fix the check or the "
                "figures"
            )


def check_rule(rule: Rule, *, holds: Figures, silent: Figures) -> None:
    """Check a rule's texts, both sides of its condition, and that its stacks change FTragrec as published.

    Args:
        rule: the rule.
        holds: figures on which the rule must apply.
        silent: figures on which it must not.

    Raises:
        ContractError: names the first point that the rule violates.
    """
    _check_reading(rule.name, rule.reads, rule.because, rule.condition)
    said = rule(holds)
    if said is None:
        raise ContractError(f"rule {rule.name} does not hold on {dict(holds)}; it must hold there")
    if rule(silent) is not None:
        raise ContractError(f"rule {rule.name} holds on {dict(silent)}; it must not hold there")
    for name in rule.reads:
        if rule({**holds, name: math.nan}) is not None:
            raise ContractError(f"rule {rule.name} holds without {name}; it must not hold where that is NaN")
    for stack in said.stacks:
        if compose(BASE, [find(each.id).from_settings(each.settings) for each in stack]) == BASE:
            raise ContractError(f"rule {rule.name} names a stack that changes nothing: {stack}")


def check_probe(probe: Probe) -> None:
    """Check that a probe measures only declared figures, at their declared time, and does not change the run.

    The probe measures at every evaluation of two short runs, one with a frozen backbone and one that trains it.

    Raises:
        ContractError: names the first point that the probe violates.
    """
    for recipe in (BASE, find("training.unfreeze")().apply(BASE)):
        past: Past | None = None

        def observe(point: EpochPoint, run: Run) -> None:
            nonlocal past
            sample = ProbeSample(run, run.progress(max(point.epoch - 1, 0)), earlier=past)
            before = state_of(run)
            measured = probe.measure(sample)
            after = state_of(run)
            changed = [name for name in before if before[name] != after[name]]
            if changed:
                raise ContractError(f"probe {probe.name} changes the run: {', '.join(changed)}; it may only read")
            _check_figures(probe, measured)
            past = sample.remembered()

        fine_tune(recipe, probe_inputs(), budget=PROBE_BUDGET, streams=PROBE_STREAMS, observe=observe)


def state_of(run: Run) -> dict[str, object]:
    """The parts of a run that a probe could change, by name, in a form that can be compared."""
    memory = run.manager.snapshot.memory
    groups = run.optimizer.param_groups
    tensors = {**run.system.state(), "encodings": run.system.current.encodings, "keys of the memory": memory.keys}
    return {
        **{name: _digest(tensor) for name, tensor in tensors.items()},
        "learning rates": [group["lr"] for group in groups],
        "requires_grad": [each.requires_grad for group in groups for each in group["params"]],
        "gradients": [None if each.grad is None else _digest(each.grad) for g in groups for each in g["params"]],
        "random state of torch": _digest(torch.get_rng_state()),
        "random state of numpy": repr(np.random.get_state()),
        "curve": len(run.curve),
    }


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def _check_reading(name: str, reads: tuple[str, ...], *texts: str) -> None:
    if not reads:
        raise ContractError(f"{name} reads no figure; name one in braces in its sentence")
    for figure in reads:
        try:
            figure_of(figure)
        except KeyError:
            raise ContractError(f"{name} reads the figure {figure!r}, which is not declared; add it") from None
    for text in texts:
        if not text.endswith("."):
            raise ContractError(f"{name}: {text!r} is not a sentence; end it with a full stop")


def _check_figures(probe: Probe, measured: Figures) -> None:
    if not measured:
        raise ContractError(f"probe {probe.name} measures nothing; give NaN for a figure without a value")
    for name, value in measured.items():
        try:
            when = figure_of(name).when
        except KeyError:
            raise ContractError(
                f"probe {probe.name} measures {name!r}, which is not a declared figure; declare it"
            ) from None
        if not isinstance(value, float):
            raise ContractError(f"probe {probe.name} gives {value!r} for {name}; give a float")
        if when is not probe.when:
            raise ContractError(
                f"probe {probe.name} measures {name} {probe.when.value}, but the figure is declared for {when.value}"
            )
