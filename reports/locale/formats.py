"""Formats of numbers in texts and tables."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from harness.words import MINUS

NONE = "\u2013"

P = ParamSpec("P")


def _known(shown: Callable[Concatenate[float, P], str]) -> Callable[Concatenate[float | None, P], str]:
    """The format with a dash for None and for values that are not finite."""

    @functools.wraps(shown)
    def wrapped(value: float | None, *args: P.args, **kwargs: P.kwargs) -> str:
        return NONE if value is None or not math.isfinite(value) else shown(value, *args, **kwargs)

    return wrapped


@_known
def number(value: float, decimals: int = 4) -> str:
    """A level, such as 0.0834.

    >>> number(0.08341)
    '0.0834'
    """
    return f"{value:.{decimals}f}".replace("-", MINUS)


@_known
def signed(value: float, decimals: int = 4) -> str:
    """A difference with its sign; zero has no sign.

    >>> signed(0.0031), signed(0.0)
    ('+0.0031', '0.0000')
    """
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0.0 else text.replace("-", MINUS)


@_known
def percent(value: float, decimals: int = 1) -> str:
    """A fraction as a signed percentage.

    >>> percent(0.039)
    '+3.9%'
    """
    return signed(100.0 * value, decimals) + "%"


@_known
def share(value: float, decimals: int = 0) -> str:
    """A probability or share as a percentage without sign; only exact 0 and 1 are shown as 0% and 100%.

    >>> share(0.613), share(0.005), share(0.995), share(0.0)
    ('61%', '<1%', '>99%', '0%')
    """
    edge = 0.5 * 10.0 ** (-decimals - 2)
    if 0.0 < value <= edge:
        return f"<{100.0 * 10.0 ** (-decimals - 2):.{decimals}f}%"
    if 1.0 - edge <= value < 1.0:
        return f">{100.0 - 10.0**-decimals:.{decimals}f}%"
    return f"{100.0 * value:.{decimals}f}%"


@_known
def chance(value: float) -> str:
    """A probability estimated by simulation; never shown as 0% or 100%, because simulation cannot show certainty.

    >>> chance(1.0), chance(0.62), chance(0.0)
    ('>99%', '62%', '<1%')
    """
    return ">99%" if value > 0.99 else "<1%" if value < 0.01 else f"{100.0 * value:.0f}%"


@_known
def p_value(value: float) -> str:
    """A p-value.

    >>> p_value(0.00002), p_value(0.0312)
    ('<0.0001', '0.031')
    """
    if value < 0.0001:
        return "<0.0001"
    return f"{value:.4f}" if value < 0.001 else f"{value:.3f}"


@_known
def figure(value: float, kind: str) -> str:
    """A figure of a diagnosis by kind: ``share``, ``points`` (difference of shares), ``metric``, ``norm`` (gradient).

    >>> figure(0.0084, "share"), figure(-0.004, "points"), figure(0.00002496, "norm"), figure(89.27, "number")
    ('0.8%', '−0.4%', '2.5e−05', '89.3')
    """
    if kind == "share":
        return share(value, 1)
    if kind == "points":
        return percent(value)
    if kind == "metric":
        return number(value)
    if value == 0.0:
        return "0"
    digits = f"{value:#.2g}" if kind == "norm" else f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}"
    return digits.rstrip(".").replace("-", MINUS)


@_known
def margin(value: float) -> str:
    """A distance from a threshold: four decimals, at most four digits, no exponent; only exact 0 is shown as 0.

    >>> margin(0.01), margin(2.9e-07), margin(-8.1e-05), margin(89.268), margin(0.0)
    ('0.0100', '<0.0001', '>−0.0001', '89.27', '0')
    """
    if value == 0.0:
        return "0"
    if abs(value) < 0.0001:
        return "<0.0001" if value > 0.0 else f">{MINUS}0.0001"
    whole = len(str(int(abs(value)))) if abs(value) >= 1.0 else 0
    return number(value, max(4 - whole, 0))


@_known
def seconds(value: float) -> str:
    """A duration.

    >>> seconds(3.21), seconds(75.0), seconds(4000.0)
    ('3.2 s', '1 min 15 s', '1 h 7 min')
    """
    if value < 10.0:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(value / 60.0)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


@_known
def milliseconds(value: float) -> str:
    """A short duration, given in milliseconds.

    >>> milliseconds(0.4132), milliseconds(12.3)
    ('0.41 ms', '12 ms')
    """
    return f"{value:.2f} ms" if value < 1.0 else f"{value:.1f} ms" if value < 10.0 else f"{value:.0f} ms"


@_known
def megabytes(value: float) -> str:
    """A size, given in bytes.

    >>> megabytes(41_300.0), megabytes(9_420_000.0), megabytes(1_230_000_000.0)
    ('0.04 MB', '9.4 MB', '1230 MB')
    """
    size = value / 1e6
    return f"{size:.2f} MB" if size < 1.0 else f"{size:.1f} MB" if size < 100.0 else f"{size:.0f} MB"


def metric_label(metric: str) -> str:
    """The name of a metric as written in papers.

    >>> metric_label("ndcg@10"), metric_label("recall@5"), metric_label("mrr")
    ('NDCG@10', 'Recall@5', 'MRR')
    """
    return metric.capitalize() if metric.startswith("recall@") else metric.upper()


def interval(bounds: tuple[float, float] | None, decimals: int = 4) -> tuple[str, str]:
    """Both ends of an interval, signed."""
    return (NONE, NONE) if bounds is None else (signed(bounds[0], decimals), signed(bounds[1], decimals))


def setting(value: str | float | int | None) -> str:
    """The value of a parameter as text.

    >>> setting(0.0012345), setting(5), setting("js"), setting(None)
    ('0.001234', '5', 'js', '–')
    """
    if value is None:
        return NONE
    return f"{value:.4g}".replace("-", MINUS) if isinstance(value, float) else str(value)
