"""Numbers as a reader sees them."""

from __future__ import annotations

import math

MINUS = "\u2212"
NONE = "\u2013"


def number(value: float | None, decimals: int = 4) -> str:
    """A level, such as 0.0834.

    >>> number(0.08341)
    '0.0834'
    """
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.{decimals}f}".replace("-", MINUS)


def signed(value: float | None, decimals: int = 4) -> str:
    """A difference, with its sign; a zero has none.

    >>> signed(0.0031), signed(0.0)
    ('+0.0031', '0.0000')
    """
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0.0 else text.replace("-", MINUS)


def percent(value: float | None, decimals: int = 1) -> str:
    """A fraction as a signed percentage.

    >>> percent(0.039)
    '+3.9%'
    """
    return NONE if value is None or not math.isfinite(value) else signed(100.0 * value, decimals) + "%"


def share(value: float | None, decimals: int = 0) -> str:
    """A probability or a share, as a percentage without sign; never rounded to a certainty that it is not.

    >>> share(0.613), share(0.9999), share(0.0)
    ('61%', '>99%', '0%')
    """
    if value is None or not math.isfinite(value):
        return NONE
    edge = 0.5 * 10.0 ** (-decimals - 2)
    if 0.0 < value < edge:
        return f"<{100.0 * 10.0 ** (-decimals - 2):.{decimals}f}%"
    if 1.0 - edge < value < 1.0:
        return f">{100.0 - 10.0**-decimals:.{decimals}f}%"
    return f"{100.0 * value:.{decimals}f}%"


def chance(value: float | None) -> str:
    """A probability estimated by simulation, which never shows that something is certain or impossible.

    >>> chance(1.0), chance(0.62), chance(0.0)
    ('>99%', '62%', '<1%')
    """
    if value is None or not math.isfinite(value):
        return NONE
    return ">99%" if value > 0.99 else "<1%" if value < 0.01 else f"{100.0 * value:.0f}%"


def p_value(value: float | None) -> str:
    """A p-value.

    >>> p_value(0.00002), p_value(0.0312)
    ('<0.0001', '0.031')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value < 0.0001:
        return "<0.0001"
    return f"{value:.4f}" if value < 0.001 else f"{value:.3f}"


def figure(value: float | None, kind: str) -> str:
    """A figure of a diagnosis: a ``share`` or difference of shares (``points``), ``metric``, gradient ``norm``, number.

    >>> figure(0.0084, "share"), figure(-0.004, "points"), figure(0.00002496, "norm"), figure(89.27, "number")
    ('0.8%', '−0.4%', '2.5e−05', '89.3')
    """
    if value is None or not math.isfinite(value):
        return NONE
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


def seconds(value: float | None) -> str:
    """A duration.

    >>> seconds(3.21), seconds(75.0), seconds(4000.0)
    ('3.2 s', '1 min 15 s', '1 h 7 min')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value < 10.0:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(value / 60.0)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def milliseconds(value: float | None) -> str:
    """A short duration, given in milliseconds.

    >>> milliseconds(0.4132), milliseconds(12.3)
    ('0.41 ms', '12 ms')
    """
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.2f} ms" if value < 1.0 else f"{value:.1f} ms" if value < 10.0 else f"{value:.0f} ms"


def metric_label(metric: str) -> str:
    """A metric as papers write it.

    >>> metric_label("ndcg@10"), metric_label("recall@5"), metric_label("mrr")
    ('NDCG@10', 'Recall@5', 'MRR')
    """
    return metric.capitalize() if metric.startswith("recall@") else metric.upper()


def interval(bounds: tuple[float, float] | None, decimals: int = 4) -> tuple[str, str]:
    """Both ends of an interval, signed."""
    return (NONE, NONE) if bounds is None else (signed(bounds[0], decimals), signed(bounds[1], decimals))
