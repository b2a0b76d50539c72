"""The table that compares backbones with RecBole's, from the rows of their stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.results import Row

HEAD = (
    "model",
    "data",
    "history",
    "seeds",
    "R@10",
    "N@10",
    "CPU min",
    "peak MB",
    "RecBole at as many min: R@10",
    "N@10",
    "epochs",
    "RecBole at its end: R@10",
    "N@10",
    "epochs",
    "CPU min",
    "peak MB",
    "its min / ours",
    "N@10, ours minus its end",
)

EXPLAINED = (
    "Means over seeds. CPU minutes of one thread hold the training and the validation set's ranks after each epoch; "
    "the epoch is chosen there by N@10, and every rank is by the one rule. RecBole's end is its own early stopping, "
    "or, marked *, where its minutes were spent. The interval is 95% over users."
)


def beside_lines(rows: Iterable[Row]) -> list[str]:
    """The table as Markdown; empty if no row is such a comparison."""
    found = [line for row in rows for line in _line(row)]
    if not found:
        return []
    return ["", "Backbones beside RecBole's own:", "", _joined(HEAD), "| --- " * len(HEAD) + "|", *found, "", EXPLAINED]


def _line(row: Row) -> list[str]:
    ours, theirs = row.subject, row.peer
    if ours is None or theirs is None or "history" not in ours.facts:
        return []
    own, peer = ours.figures, theirs.figures
    stopped = "" if peer["own_end"] == 1.0 else " *"
    return [
        _joined(
            (
                ours.name,
                row.data,
                ours.facts["history"],
                str(len(row.values)),
                *_quality(own, ""),
                f"{own['cpu_min']:.2f}",
                f"{ours.peak_memory_mb:.0f}",
                *_quality(peer, "equal "),
                f"{peer['equal chosen']:.2f}",
                *_quality(peer, "end "),
                f"{peer['end chosen']:.1f} of {peer['epochs']:.1f}",
                f"{peer['cpu_min']:.1f}{stopped}",
                f"{theirs.peak_memory_mb:.0f}",
                f"{peer['cpu_min'] / own['cpu_min']:.1f}",
                f"{peer['end difference']:+.4f} ± {peer['end half width']:.4f}",
            )
        )
    ]


def _quality(figures: Mapping[str, float], moment: str) -> tuple[str, str]:
    return f"{figures[f'{moment}recall@10']:.4f}", f"{figures[f'{moment}ndcg@10']:.4f}"


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
