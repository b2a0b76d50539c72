"""Names that are markup, paths, formulas or of other scripts: shown as they are, run nowhere, in no file's name."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.runner import coordinator
from harness.study.study import slugify
from tests.bad_input.conftest import Desk
from tests.runner.conftest import SMALL

MARKUP = (
    "</title></script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg/onload=alert(3)>',
    "' onmouseover='alert(4)",
    "{{ 7 * 7 }}{% raw %}",
    "]]>--><!--",
    "javascript:alert(5)",
    "\\input{/etc/passwd} $x_1$ & 100%",
    "| a | b |\\n# heading",
)
PATHS = ("../../outside", "/etc/passwd", "..", ".", "~root", "C:\\\\windows\\\\x", "con", "a/../../b", "%2e%2e%2f")
OTHERS = (
    "\u202egnp.exe\u202c",
    "العربية",
    "e\u0301\u0301\u0301\u0301",
    "🧨👩‍👩‍👧",
    "\u200b\u200b",
    "\ufeffx",
    "ＦＴ",
    "İi",
    "x" * 60,
)


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._inside == "script" else self.text).append(data)


def seen(page: Path) -> Seen:
    parser = Seen()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("name", [*MARKUP, *PATHS, *OTHERS, "\n", "a" * 10_000, "\ud800"])
def test_a_slug_is_one_plain_part_of_a_path(name: str) -> None:
    slug = slugify(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,69}", slug)
    assert slugify(name) == slug
    assert slug != slugify(name + " ")


@pytest.mark.slow
@pytest.mark.parametrize("names", [MARKUP, PATHS, OTHERS], ids=["markup", "paths", "others"])
def test_a_study_of_hostile_names_runs_and_its_report_shows_them(
    desk: Desk, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = coordinator.run_study.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "spec", SMALL)
    ids = [re.sub(r"\s", "_", each) for each in names]
    rows = [[ids[(user + step) % len(ids)] + str((user * step) % 4) for step in range(9)] for user in range(30)]
    data = "data <b>&amp; 'x' $(touch owned).txt"
    (desk.folder / data).write_text(
        "".join(f"{ids[n % len(ids)]}{n} {' '.join(row)}\n" for n, row in enumerate(rows)), encoding="utf-8"
    )
    quoted = [each.replace("\\n", "n").replace("'", "''") for each in names]
    arms = "".join(f"  '{each}': {{kl.weight: {{weight: {n + 1}}}}}\n" for n, each in enumerate(quoted[:4]))
    desk.study(
        f"name: '{quoted[0]}'\nquestion: '{' '.join(quoted)}'\n"
        f"data: {{path: '{data.replace(chr(39), chr(39) * 2)}', min_interactions: 1}}\n"
        f"arms:\n{arms}replicates: 1\nbudget: {{epochs: 2, patience: 2}}\n"
    )
    before = desk.tree()
    answer = desk.call("run", "study.yaml", "--data-dir", "data", "--workers", "2")
    assert answer.status == 0, answer
    assert desk.tree() == before
    written = list((desk.folder / "runs").rglob("*"))
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in written)
    (page,) = (desk.folder / "runs").glob("*/report.html")
    found = seen(page)
    assert found.handlers == []
    assert not any(link.startswith("javascript:") for link in found.links)
    assert not any("alert(" in script for script in found.scripts)
    assert "svg" in found.tags or "table" in found.tags
    assert "img" not in found.tags or "src=x" not in page.read_text(encoding="utf-8").replace("&", "")
    text = " ".join(found.text)
    for each in quoted[:4]:
        assert each.replace("''", "'") in text
    assert "49" not in re.sub(r"[\d.]*\d", "", text)
    assert b"\\input{/etc" not in page.with_name("ranking.tex").read_bytes()
    assert b"<script" not in page.with_name("ranking.md").read_bytes()
