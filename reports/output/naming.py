"""What the files of a report are called in each language."""

from __future__ import annotations

DEFAULT_LANGUAGE = "en"


def named(name: str, lang: str) -> str:
    """A file's name with its language in it, English excepted, so that no language overwrites another.

    >>> named("report.html", "en"), named("report.html", "zh")
    ('report.html', 'report.zh.html')
    """
    stem, _, kind = name.rpartition(".")
    return name if lang == DEFAULT_LANGUAGE else f"{stem}.{lang}.{kind}"
