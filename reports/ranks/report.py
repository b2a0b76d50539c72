"""The report of a table of ranks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.results.frame import Frame
from harness.results.metrics import check_metric
from reports.locale import Catalogue
from reports.ranks.checking import Users, check
from reports.ranks.columns import named
from reports.ranks.framing import frame_from
from reports.ranks.reading import read_ranks, sha256_of, stem_of
from reports.ranks.saving import save
from reports.ranks.sections import has_noise, sections_of, texts_of
from reports.ranks.values import Values
from reports.sections.assembly import build_report, render_html
from reports.sections.base import Section
from reports.sections.report import Report
from reports.stats.crossings import CUT

if TYPE_CHECKING:
    import pandas as pd

SESOI = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RanksReport:
    """The report of a table of ranks.

    Attributes:
        frame: every rank, with the baseline as row ``base``; input for the other functions of :mod:`reports`.
        baseline: the arm that all others are compared with.
        users: names of the users, in the order of the ranks.
        lang: language of the texts.
    """

    frame: Frame
    baseline: str
    users: tuple[str, ...]
    lang: str = "en"
    _report: Report = field(init=False)

    def __post_init__(self) -> None:
        report = build_report(self.frame, self.texts, self.sections)
        rows = tuple(replace(row, name=row.label) for row in report.rows)
        object.__setattr__(self, "_report", replace(report, rows=rows))

    @property
    def report(self) -> Report:
        """The content of the page as typed values."""
        return self._report

    @property
    def texts(self) -> Catalogue:
        return texts_of(self.lang, baseline=self.baseline, noise=has_noise(self.frame))

    @property
    def sections(self) -> tuple[Section, ...]:
        return sections_of(self.frame, self.users)

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        return self.report.models["answer"].sentence

    @property
    def ranking(self) -> pd.DataFrame:
        """The ranking by the primary metric, one line per arm, including the baseline."""
        import pandas as pd

        lines = [
            {
                "arm": row.name,
                "verdict": row.verdict_text,
                "effect": row.effect,
                "relative": row.relative,
                "low": None if row.adjusted is None else row.adjusted[0],
                "high": None if row.adjusted is None else row.adjusted[1],
                "p_holm": row.p_holm,
                "p_worthwhile": row.p_worthwhile,
                "n_seeds": row.n_seeds,
                self.report.primary: next(
                    (cell.on for cell in row.metrics if cell.metric == self.report.primary), None
                ),
            }
            for row in self.report.rows
        ]
        return pd.DataFrame(lines).set_index("arm")

    def effects(self, metric: str | None = None) -> pd.DataFrame:
        """Return each arm's effect on a metric (the primary one if None), with the 95% interval of that arm alone.

        Raises:
            InputError: the metric is unknown, or needs ranks beyond the known ones.
        """
        import pandas as pd

        from harness.stats.effects import study_effects

        metric = metric or self.report.primary
        _check_decided(metric, self.frame.longest)
        found = study_effects(self.frame.deltas(metric)) if self.frame.estimable() else {}
        lines = [
            {
                "arm": name,
                "effect": effect.mean,
                "relative": effect.relative,
                "low": effect.interval()[0],
                "high": effect.interval()[1],
                "p": effect.p,
                "n_seeds": effect.n_seeds,
            }
            for name, effect in found.items()
        ]
        columns = ["arm", "effect", "relative", "low", "high", "p", "n_seeds"]
        return pd.DataFrame(lines, columns=columns).set_index("arm")

    @property
    def html(self) -> str:
        """The page as one self-contained HTML file."""
        return render_html(self.report, self.texts, self.sections)

    def save(self, folder: Path | str) -> Path:
        """Write the page and its files into a folder; see :mod:`reports.ranks.saving`.

        Returns:
            The path of the page.
        """
        return save(Path(folder), page=self.html, report=self.report, frame=self.frame, text=self.texts)

    def __repr__(self) -> str:
        return f"{self.answer}\n\n{self.ranking.to_string(max_rows=12, float_format='{:.4f}'.format)}"

    def _repr_html_(self) -> str:
        return (
            f"<p><b>{html.escape(self.answer)}</b></p>{self.ranking.to_html(max_rows=30, float_format='{:.4f}'.format)}"
        )


def from_ranks(
    table: pd.DataFrame | Path | str,
    *,
    baseline: str,
    primary: str = "ndcg@10",
    question: str = "",
    columns: Mapping[str, str] | None = None,
    users: Users = "same",
    beyond: int | None = None,
    sesoi: float = SESOI,
    lang: str = "en",
) -> RanksReport:
    """Return the report of any model's runs, from the rank of every user's target; see ``docs/ranks.md``.

    Args:
        table: a frame or a file with the columns ``arm``, ``seed``, ``user`` and ``rank`` (from 1); optionally
            ``target``, ``target_index`` (one of the two if a user has several rows in a run), ``history_length``,
            ``popularity`` (of the target), ``split``, ``retrieval``, ``seconds``.
        baseline: the arm that all others are compared with.
        question: heading of the page.
        columns: name used here -> name in the table, for columns where they differ.
        users: ``common`` compares on the users that every run ranks; ``same`` rejects a table whose runs differ.
        beyond: K; ranks that are missing, below 1 or above K mean that the target is not in the first K.
        sesoi: smallest effect worth having, as a fraction of the baseline's primary metric.

    Raises:
        InputError: the table or an argument cannot be used; the text names the column or row, the value and the fix.
    """
    if beyond is not None and beyond < CUT:
        raise InputError(f"beyond {beyond}: the page counts users in the first {CUT}; use lists of {CUT} items or more")
    _check_decided(primary, beyond)
    if not 0.0 <= sesoi < 1.0:
        raise InputError(f"sesoi {sesoi} is not a fraction of the baseline; use one from 0 to 1, such as 0.01")
    if users not in ("same", "common"):
        raise InputError(f"users {users!r} is unknown; use 'same' or 'common'")
    path = Path(table) if isinstance(table, Path | str) else None
    where = "the table" if path is None else str(path)
    given = read_ranks(table) if isinstance(table, Path | str) else table
    found = named(given, columns or {}, where)
    checked = check(found, where, baseline=baseline, beyond=beyond, users=users)
    texts = texts_of(lang, baseline=baseline, noise=False)
    optional = {"split": "test", "retrieval": "served", "target": "target"}
    numbered = {str(number): label for number, label in checked.seeds.items() if str(number) != label}
    both = all(
        {("test", "on"), ("test", "off")} <= run.ranks.keys()
        for cells in checked.runs.values()
        for run in cells.values()
    )
    facts: dict[str, Any] = {
        "name": texts("ranks.frame") if path is None else path.name,
        "sha256": "" if path is None else sha256_of(path),
        "rows": len(found.table),
        "users": len(checked.users),
        "left_out": checked.n_left_out,
        "arms": tuple(checked.runs),
        "baseline": baseline,
        "seeds": tuple(checked.seeds.values()),
        "numbered": numbered,
        "columns": found.renamed,
        "ignored": found.ignored,
        "beyond": beyond,
        "assumed": tuple(code for column, code in optional.items() if column not in found.table.columns),
        "moving_targets": checked.moving_targets,
        "half_retrieval": "retrieval" in found.table.columns and not both,
    }
    frame = frame_from(
        checked,
        baseline=baseline,
        name="ranks" if path is None else stem_of(path),
        question=question or texts("ranks.question"),
        primary=primary,
        sesoi=sesoi,
        beyond=beyond,
        facts=facts,
    )
    return RanksReport(frame=frame, baseline=baseline, users=checked.users, lang=lang)


def arms_of(table: Path | str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arms of a file, in file order.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    _, arms = Values(named(read_ranks(table), columns, str(table)).table, str(table)).labels("arm")
    return tuple(arms)


def _check_decided(metric: str, beyond: int | None) -> None:
    cutoff = check_metric(metric).cutoff
    if beyond is not None and (cutoff is None or cutoff > beyond):
        raise InputError(
            f"{metric} looks beyond rank {beyond}, as far as the ranks are known; use a metric such as ndcg@{beyond}"
        )
