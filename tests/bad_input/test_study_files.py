"""Study files that people, editors and programs get wrong: a clear message and exit 2, or a study."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.interventions import CATALOGUE
from tests.bad_input.conftest import GOOD, Desk

STUDIES = sorted((Path(__file__).resolve().parents[2] / "studies").glob("*.yaml"))
HEAD = "name: small\ndata: {path: world.txt, format: sequences, min_interactions: 1}\n"
ARMS = "arms: {reverse: kl.reverse}\n"
LETTERS = tuple(zip("abcdefghi", "bcdefghij", strict=True))
MANY = "is this the right file?"
DEEP = "nested more than"

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "tabs": (GOOD.replace("  reverse", "\treverse"), "indent with spaces, not tabs"),
    "a tab after the colon's key": (GOOD + "\tseed: 1\n", "not tabs"),
    "a bomb of aliases": (
        HEAD
        + "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in LETTERS),
        "aliases expand to more than",
    ),
    "a bomb of merge keys": (
        HEAD + "a: &a {k: v}\n" + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}, *{a}]}}\n" for a, b in LETTERS) + ARMS,
        "aliases expand to more than",
    ),
    "an alias of what holds it": (HEAD + "arms: &all {reverse: kl.reverse, again: *all}\n", "contains itself"),
    "a merge key": (HEAD + "x: &x {reverse: kl.reverse}\narms: {<<: *x}\n", "<<"),
    "a key twice": (GOOD + "name: other\n", "given twice, first on line 1"),
    "an arm twice": (GOOD + "  reverse: kl.weight\n", "given twice"),
    "Latin-1": (GOOD.replace("anything", "irgendwas über").encode("latin-1"), "is not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "is not UTF-8"),
    "UTF-32 without a mark": (GOOD.encode("utf-32-le"), "not allowed in YAML"),
    "a number beyond all": (HEAD + ARMS + "sesoi: 1e999\n", "sesoi"),
    "a replicate count beyond all": (HEAD + ARMS + "replicates: 1e999\n", "replicates"),
    "a seed of a thousand digits": (HEAD + ARMS + f"seed: {'9' * 1000}\n", "seed"),
    "a seed of ninety digits": (HEAD + ARMS + f"seed: {'9' * 90}\n", "seed"),
    "not a number": (HEAD + ARMS + "sesoi: .nan\n", "sesoi"),
    "not a number in words": (HEAD + ARMS + "sesoi: NaN\n", "sesoi"),
    "infinity": (HEAD + ARMS + "budget: {epochs: .inf}\n", "epochs"),
    "minus zero epochs": (HEAD + ARMS + "budget: {epochs: -0}\n", "epochs"),
    "a date for a seed": (HEAD + ARMS + "seed: 2024-01-01\n", "seed"),
    "a date for an arm": (HEAD + "arms: {reverse: 2024-01-01}\n", "2024-01-01"),
    "octal of YAML 1.2": (HEAD + ARMS + "replicates: 0o17000\n", "replicates"),
    "sixty-based numbers": (HEAD + ARMS + "replicates: 1:30\n", "replicates"),
    "underscores in a number": (HEAD + ARMS + "replicates: 1_0\n", "replicates"),
    "yes for a number": (HEAD + ARMS + "replicates: yes\n", "replicates"),
    "nested in brackets": (HEAD + "arms: " + "[" * 3000 + "]" * 3000 + "\n", "nested more than"),
    "nested in braces": (HEAD + "arms: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n", "nested more than"),
    "nested by indentation": (HEAD + "arms:\n" + "".join(f"{'  ' * n}a{n}:\n" for n in range(1, 400)), DEEP),
    "nested in one line": (HEAD + "arms: " + "- " * 3000 + "a\n", "not valid YAML"),
    "ten megabytes": (HEAD + "question: " + "x" * 10_000_000 + "\n" + ARMS, "bytes; is this the right file?"),
    "ten megabytes of comment": (GOOD + "#" * 10_000_000, "bytes; is this the right file?"),
    "a hundred thousand arms": (HEAD + "arms:\n" + "".join(f" a{n}: x\n" for n in range(25_000)), MANY),
    "a Python object": (HEAD + "arms: !!python/object/apply:os.system ['touch owned']\n", "tag"),
    "a Python name": (HEAD + "arms: {reverse: !!python/name:os.system ''}\n", "tag"),
    "a tag of its own": (HEAD + "arms: !arms {reverse: kl.reverse}\n", "tag '!arms' is not supported"),
    "binary by tag": (HEAD + ARMS + "question: !!binary aGVsbG8=\n", "tag"),
    "a set": (HEAD + "arms: !!set {reverse}\n", "tag"),
    "two documents": (GOOD + "---\n" + GOOD, "a second document begins here"),
    "a directive of the future": ("%YAML 9.9\n---\n" + GOOD, "YAML"),
    "a key that is a list": (HEAD + "? [a, b]\n: c\n" + ARMS, "a key must be a word"),
    "a key that is empty": (HEAD + ": x\n" + ARMS, "not valid YAML"),
    "a list of keys": ("- name: small\n- data: ml-100k\n", "not a mapping"),
    "JSON cut short": ('{"name": "small", "data": "ml-100k", "arms": {"reverse": "kl.rev', "not valid YAML"),
    "a quote that stays open": (HEAD + 'question: "Does it\n' + ARMS, "not valid YAML"),
    "NUL in a name": (HEAD.replace("small", '"a\\0b"') + ARMS, "control character"),
    "a bell in an arm": (HEAD + 'arms: {"a\\ab": kl.reverse}\n', "control character"),
    "half a surrogate pair": (HEAD.replace("small", '"\\ud800"') + ARMS, "control character"),
    "raw escape codes": (HEAD.replace("small", "\x1b[31mred") + ARMS, "not allowed in YAML"),
    "a form feed": (GOOD.replace("arms:", "\x0carms:"), "not allowed in YAML"),
    "a name of 10 000 characters": (HEAD.replace("small", "x" * 10_000) + ARMS, "give text of 1 to 200 characters"),
    "an arm of 10 000 characters": (HEAD + f"arms:\n  ? {'y' * 10_000}\n  : kl.reverse\n", "characters"),
    "a question of 200 000 characters": (HEAD + f"question: {'x' * 200_000}\n" + ARMS, "question"),
    "an arm called base": (HEAD + "arms: {base: kl.reverse}\n", "base"),
    "an arm called a/a": (HEAD + "arms: {a/a: kl.reverse}\n", "a/a"),
    "data above the folder": (GOOD.replace("world.txt", "../../../etc/passwd"), "does not exist"),
    "data of the machine": (GOOD.replace("world.txt", "/etc/hostname"), "remains"),
    "a device": (GOOD.replace("world.txt", "/dev/zero"), "does not exist"),
    "a folder": (GOOD.replace("world.txt", "."), "is a folder"),
    "a home that is not there": (GOOD.replace("world.txt", "~nobody-here/x.txt"), "data"),
    "NUL in a path": (GOOD.replace("world.txt", '"a\\0.txt"'), "control character"),
    "a path of 10 000 characters": (GOOD.replace("world.txt", "x" * 10_000), "data"),
    "a web address": (GOOD.replace("world.txt", "https://example.org/world.txt"), "does not exist"),
    "a checkpoint that is a device": (GOOD + "backbone: {checkpoint: /dev/zero}\n", "backbone"),
    "a checkpoint that is the study": (GOOD + "backbone: {checkpoint: study.yaml}\n", "backbone"),
    "replicates beyond measure": (HEAD + ARMS + "replicates: 1000000000\n", "replicates"),
    "epochs beyond measure": (HEAD + ARMS + "budget: {epochs: 1000000000000}\n", "epochs"),
    "a grid beyond measure": (
        HEAD + "arms: {w: {kl.weight: {weight: [" + ", ".join(str(n / 1000) for n in range(19_000)) + "]}}}\n",
        "arms.w",
    ),
}  # fmt: skip

ACCEPTED: dict[str, str | bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "lines of Windows": GOOD.replace("\n", "\r\n"),
    "lines of an old Mac": GOOD.replace("\n", "\r"),
    "one document with its marks": "---\n" + GOOD + "...\n",
    "a version directive": "%YAML 1.2\n---\n" + GOOD,
    "an alias": HEAD + "question: &q Why?\n" + ARMS,
    "JSON": '{"name": "s", "data": {"path": "world.txt", "min_interactions": 1}, "arms": {"reverse": "kl.reverse"}}',
    "markup": HEAD.replace("small", "<script>alert(1)</script>") + "arms: {'<b>x</b>': kl.reverse}\n",
    "path parts": HEAD.replace("small", "../../small") + "arms: {../../x: kl.reverse, /etc/passwd: kl.weight}\n",
    "right to left": HEAD.replace("small", "\u202eevil\u202c دراسة") + "arms: {עברית: kl.reverse}\n",
    "emoji and Chinese": HEAD.replace("small", "🔥 研究") + "arms: {反向: kl.reverse}\n",
    "keys that mean something elsewhere": HEAD + "arms: {__proto__: kl.reverse, 'null': {kl.weight: {weight: 1}}}\n",
    "a name of spaces": HEAD.replace("small", '"   "') + ARMS,
    "numbers for arms": HEAD + "arms: {1: kl.reverse, 2.5: kl.weight, 0x1f: {kl.weight: {weight: 0.1}}}\n",
    "octal of YAML 1.1": HEAD + ARMS + "replicates: 010\n",
    "no question": HEAD + ARMS,
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_answered_and_nothing_is_done(desk: Desk, mistake: str) -> None:
    text, said = REFUSED[mistake]
    desk.study(text)
    command = "run" if mistake == "data of the machine" else "validate"
    message = desk.refused(command, "study.yaml")
    assert said in message
    assert max(map(len, message.splitlines())) < 2000
    assert message.isascii() or message.encode()
    assert not (desk.folder / "owned").exists()


@pytest.mark.parametrize("oddity", ACCEPTED)
def test_an_oddity_that_says_what_is_meant_is_read(desk: Desk, oddity: str) -> None:
    desk.study(ACCEPTED[oddity])
    before = desk.tree()
    answer = desk.call("plan", "study.yaml")
    assert answer.status == 0, answer
    assert desk.tree() == before


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "../x", "<b>", "0", "base", "a/a", "ml-100k", "3ep", *(each.id for each in CATALOGUE)]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-2, 9), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(-2, 9), max_size=2),
)
Place = tuple[str | int, ...]


def places(value: Any, here: Place = ()) -> list[Place]:
    """Every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, each in inner for place in places(each, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> object:
    """A shipped study with one to three of its places changed."""
    document: Any = yaml.load(draw(st.sampled_from(STUDIES)).read_bytes(), Loader=yaml.BaseLoader)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in places(document) if place] or [("name",)]))
        holder = document
        for step in way:
            holder = holder[step]
        old = holder[last] if not isinstance(holder, dict) or last in holder else None
        match draw(st.sampled_from(["drop", "junk", "rename", "wrap", "name it", "repeat", "deepen"])):
            case "drop":
                holder.pop(last)
            case "junk":
                holder[last] = draw(junk)
            case "rename" if isinstance(holder, dict):
                holder[draw(st.one_of(st.text(max_size=8), st.just(str(last)[:-1])))] = holder.pop(last, old)
            case "wrap":
                holder[last] = [old]
            case "name it":
                holder[last] = {str(last): old}
            case "repeat":
                holder[last] = [old, copy.deepcopy(old)]
            case _:
                holder[last] = [[old]] if isinstance(old, list) else {"x": {"y": old}}
    return document


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=mutated())
def test_a_shipped_study_with_places_changed_is_read_or_explained(desk: Desk, document: object) -> None:
    desk.study(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    answer = desk.call("validate", "study.yaml")
    assert answer.status in (0, 2), answer
    assert (answer.status == 2) == bool(answer.err.strip())
    if answer.status == 2:
        assert answer.err.startswith("study.yaml") or "\nstudy.yaml" in answer.err


@pytest.mark.slow
@settings(max_examples=900, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=mutated())
def test_many_shipped_studies_with_places_changed_are_read_or_explained(desk: Desk, document: object) -> None:
    desk.study(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    assert desk.call("validate", "study.yaml").status in (0, 2)


@pytest.mark.slow
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_many_shipped_studies_with_bytes_changed_are_read_or_explained(desk: Desk, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(STUDIES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["byte", "cut", "double"])):
            case "byte":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 30))]
                content = content or bytearray(b"x")
            case _:
                content[at:at] = content[at : at + data.draw(st.integers(1, 60))]
    desk.study(bytes(content))
    assert desk.call("validate", "study.yaml").status in (0, 2)
