"""Options that say where cells run, and what is refused before anything starts."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from harness.errors import EnvironmentProblem, InputError
from harness.runner.executors.base import Where


def test_ray_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'ftr-study\[ray\]'"):
        Where(executor="ray")
    assert Where().executor == "local"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "auto"}, "--address and --gpus-per-cell belong to Ray"),
        ({"gpus_per_cell": 0.5}, "--address and --gpus-per-cell belong to Ray"),
        ({"executor": "ray", "gpus_per_cell": -1.0}, "--gpus-per-cell -1: give a fraction of one or a whole number"),
        ({"executor": "ray", "gpus_per_cell": 1.5}, "--gpus-per-cell 1.5: give"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Where(**options)


def test_a_study_on_cuda_must_reserve_gpus_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(InputError, match=r"add --gpus-per-cell, such as \.25, or --device cpu"):
        Where(executor="ray").check_device("cuda")
    Where(executor="ray").check_device("cpu")
    Where(executor="ray", gpus_per_cell=0.25).check_device("cuda")
    Where().check_device("cuda")
