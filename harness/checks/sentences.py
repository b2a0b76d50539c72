"""Sentences that name figures in braces, such as ``{kl.p_rec_entropy:.4f}``."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from harness.words import MINUS


class _Sentences(string.Formatter):
    """Fills placeholders named after figures, dots included; a negative number gets the page's minus sign."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return text if isinstance(value, str) else text.replace("-", MINUS)


def fill(sentence: str, figures: Mapping[str, float | str]) -> str:
    """The sentence with the values of the figures that it names.

    >>> fill("{index.hit_rate:.1%} of the queries", {"index.hit_rate": 0.25})
    '25.0% of the queries'
    """
    return _Sentences().vformat(sentence, (), figures)


def names_in(sentence: str) -> tuple[str, ...]:
    """The figures that a sentence names, each once, in its order."""
    return tuple(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(sentence) if name))
