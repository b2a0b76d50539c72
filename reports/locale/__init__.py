"""The fixed texts of the report, one TOML file per language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from harness.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The texts of one language.

    Attributes:
        lang: language of the texts and of the page, such as ``en``.
        texts: dotted key -> text with ``{named}`` placeholders.
    """

    lang: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of the key with its placeholders filled."""
        return self.texts[key].format(**values)

    def count(self, key: str, n: int, **values: object) -> str:
        """Return the text of ``key.one`` or ``key.other`` with ``{n}`` filled; a language may omit ``one``."""
        form = f"{key}.one" if n == 1 and f"{key}.one" in self.texts else f"{key}.other"
        return self.texts[form].format(n=n, **values)

    def variant(self, name: str) -> Catalogue:
        """Return the catalogue with text ``KEY_NAME`` in place of ``KEY``, such as one on targets instead of users."""
        own = {key: self.texts[f"{key}_{name}"] for key in self.texts if f"{key}_{name}" in self.texts}
        return replace(self, texts={**self.texts, **own}) if own else self

    def has(self, key: str) -> bool:
        """Whether there is a text for the key."""
        return key in self.texts


def languages() -> tuple[str, ...]:
    """Languages that a report can be written in."""
    names = (entry.name for entry in resources.files("reports.locale").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_catalogue(lang: str) -> Catalogue:
    """Return the catalogue of a language.

    Raises:
        InputError: the language has no catalogue.
    """
    if lang not in languages():
        raise InputError(f"no report can be written in {lang!r}; use --lang with one of {', '.join(languages())}")
    text = resources.files("reports.locale").joinpath(f"{lang}.toml").read_text(encoding="utf-8")
    return Catalogue(lang=lang, texts=flat(tomllib.loads(text)))


def texts_beside(folder: Path, lang: str) -> dict[str, str]:
    """Return the texts of a folder's TOML file for the language by dotted key; missing ones are in English."""
    found: dict[str, str] = {}
    for each in dict.fromkeys(("en", lang)):
        file = folder / f"{each}.toml"
        if file.exists():
            found |= flat(tomllib.loads(file.read_text(encoding="utf-8")))
    return found


def flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """The texts of nested tables by dotted key."""
    texts: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            texts |= flat(value, f"{prefix}{key}.")
        else:
            texts[f"{prefix}{key}"] = str(value)
    return texts
