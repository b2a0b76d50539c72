"""File names of a report in each language."""

from __future__ import annotations

DEFAULT_LANGUAGE = "en"


def named(name: str, lang: str) -> str:
    """Return the file name with the language in it (none for English), so that no language overwrites another.

    >>> named("report.html", "en"), named("report.html", "zh")
    ('report.html', 'report.zh.html')
    """
    stem, _, kind = name.rpartition(".")
    return name if lang == DEFAULT_LANGUAGE else f"{stem}.{lang}.{kind}"
