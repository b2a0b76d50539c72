"""Every ``ftr-study`` command in a code block of the documentation names a command and options that exist."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer.main

from harness.cli import app
from tests.website.test_links import PAGES
from website.links import ROOT

USAGE_ERROR = typer.BadParameter.__mro__[1]
ENDS = {"|", "&&", ";", ">", "2>"}


def commands(text: str) -> list[list[str]]:
    """The arguments of every call of ``ftr-study`` at the start of a line of code, or after a pipe."""
    found: list[list[str]] = []
    for block in re.findall(r"^```(?:sh|console|bash)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if "ftr-study" in line else []
            for place in (place for place, word in enumerate(words) if word.endswith("ftr-study")):
                if place and words[place - 1] not in ENDS:
                    continue
                rest = words[place + 1 :]
                found.append(rest[: next((i for i, word in enumerate(rest) if word in ENDS), len(rest))])
    return found


def parse(arguments: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="ftr-study")
    while hasattr(command, "resolve_command"):
        _, command, arguments = command.resolve_command(context, arguments)
        context = command.context_class(command, parent=context)
    left = command.make_parser(context).parse_args(args=list(arguments))
    assert not left[1], f"too many arguments: {left[1]}"


@pytest.mark.parametrize("name", PAGES)
def test_every_command_on_the_page_can_be_typed(name: str) -> None:
    for arguments in commands((ROOT / name).read_text(encoding="utf-8")):
        parse(arguments)


@pytest.mark.parametrize("wrong", [["rune", "x.yaml"], ["run", "--worker", "2"], ["plan", "a.yaml", "b.yaml"]])
def test_a_command_that_does_not_exist_is_found(wrong: list[str]) -> None:
    with pytest.raises((USAGE_ERROR, AssertionError)):
        parse(wrong)


def test_commands_are_found_behind_prompts_pipes_and_comments():
    text = "```sh\n$ ftr-study next a | ftr-study run -   # it's\n.venv/bin/ftr-study plan x.yaml\n```\n"
    assert commands(text) == [["next", "a"], ["run", "-"], ["plan", "x.yaml"]]
