"""Hooks of MkDocs: add every repository file that a page links to, and adapt Markdown to the site.

The Markdown files are written for readers of the repository, so they link to study files, sources and examples
outside ``docs/``. The project has no public address to link to, so the site contains these files
below ``repository/``.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import links  # MkDocs lets a hook import modules from its own folder
from mkdocs.structure.files import File

CARRIED = "repository"
NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json", ".csv": "text"}
DIAGRAM = "*GitHub draws this diagram. This site needs no network and shows its text: `a --> b` means that a uses b.*"


def place(path: Path) -> str:
    """Return the site path of a repository file or folder, as MkDocs names sources."""
    if path.is_relative_to(links.DOCS) and not (path.is_dir() or path.suffix in LANGUAGES):
        return path.relative_to(links.DOCS).as_posix()
    name = f"{CARRIED}/{path.relative_to(links.ROOT).as_posix()}"
    if path.is_dir():
        return f"{name}/README.md"
    return f"{name}.md" if path.suffix in LANGUAGES else name


def source(src_uri: str) -> Path:
    """Return the repository file that a page of the site shows."""
    inside = src_uri.removeprefix(f"{CARRIED}/")
    if inside == src_uri:
        return links.DOCS / src_uri
    path = links.ROOT / inside
    return path if path.exists() else path.parent if path.name == "README.md" else path.with_suffix("")


def text_of(path: Path) -> str:
    """Return a repository file as Markdown: as it is, as the list of a folder, or as a source in a fence."""
    name = path.relative_to(links.ROOT).as_posix()
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir() if not each.name.startswith((".", "__")))
        return f"{NOT_SEARCHED}# {name}/\n\n" + "".join(f"- [{each}]({path.name}/{each})\n" for each in names)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    fence = "`" * (max((len(each) for each in re.findall(r"`{3,}", text)), default=2) + 1)
    return f"{NOT_SEARCHED}# {name}\n\n{fence}{LANGUAGES[path.suffix]}\n{text.rstrip()}\n{fence}\n"


def navigation(index: str) -> list[Any]:
    """Return the navigation that an index page describes: each heading is a section, each list item a page.

    An item that links to a heading of a page is left out.
    """
    found: list[Any] = ["README.md"]
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        items = re.findall(r"^- \[([^\]]+)\]\(([^)#]+)\)", section, flags=re.MULTILINE)
        pages = [{title: place(links.resolved(target, links.DOCS / "README.md"))} for title, target in items]
        found.append({section.partition("\n")[0]: pages})
    return found


def on_config(config: Any) -> Any:
    """Take the navigation from ``docs/README.md``."""
    config.nav = navigation((links.DOCS / "README.md").read_text(encoding="utf-8"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the files outside ``docs/`` that pages link to, and the files that those link to."""
    known = {file.src_uri for file in files}
    waiting = [links.DOCS / file.src_uri for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        text = text_of(page) if page.suffix == ".md" or page.is_dir() else ""
        for target in links.targets(text):
            path = links.resolved(target, page)
            if not path.is_relative_to(links.ROOT) or not path.exists() or place(path) in known:
                continue
            known.add(place(path))
            if path.is_dir() or path.suffix in LANGUAGES or path.suffix == ".md":
                files.append(File.generated(config, place(path), content=text_of(path)))
                waiting.append(path)
            else:
                files.append(File.generated(config, place(path), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links to site paths, repair lists and tables, name the file of a fence, and introduce a diagram."""
    here = source(page.file.src_uri)

    def there(target: str) -> str:
        path = links.resolved(target, here)
        if target.startswith("#") or not path.exists() or not path.is_relative_to(links.ROOT):
            return target
        _, mark, anchor = target.partition("#")
        return posixpath.relpath(place(path), posixpath.dirname(page.file.src_uri)) + mark + anchor

    text = links.bars_in_tables(links.four_spaces(links.replace_targets(markdown, there)))
    text = re.sub(r"^```(\w+) ([\w.]+\.\w+)$", r'```\1 title="\2"', text, flags=re.MULTILINE)
    return re.sub(r"^```mermaid$", f"{DIAGRAM}\n\n```text", text, flags=re.MULTILINE)
