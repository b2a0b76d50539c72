"""The result of a study, as frames, figures and one page."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from harness.api.drawing import figures
from harness.api.notebook import pre
from harness.api.saving import copy_report, page_to
from harness.results.folder import StudyFolder
from harness.results.frame import Frame
from harness.results.manifest import A_A
from harness.results.metrics import check_metric
from harness.results.reading import read_frame
from harness.results.record import check_view
from harness.results.text import cut
from harness.runner.coordinator import StudyResult as Outcome
from harness.stats.effects import study_effects
from reports.locale import load_catalogue
from reports.output.tidy import effects_table, ranks_table
from reports.sections.assembly import build_report, render_html
from reports.sections.evidence.measured import evidence_of
from reports.sections.references.export import COLUMNS, reference_lines
from reports.sections.report import Report
from reports.stats.progress import progress_of, untested
from reports.stats.verdicts import holm

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.figures import StudyFigure

PLAIN = "default"
"""Matplotlib's own style."""

SHOWN_ROWS = 12
"""Number of rows of the ranking that ``repr`` shows."""

SHOWN_COLUMNS = ("rank", "arm", "verdict", "effect", "low", "high", "relative", "p_holm", "n_seeds")

_WHOLE = ("rank", "n_seeds", "seeds_needed", "targets_needed")
_FIGURES = (
    *("value", "effect", "low", "high", "adjusted_low", "adjusted_high", "relative"),
    *("p", "p_holm", "p_worthwhile", "seconds", "detectable"),
)
_OF_ROW = (
    *("rank", "name", "verdict_text", "effect", "relative", "p", "p_holm", "p_worthwhile", "n_seeds"),
    *("equals", "note", "seconds", "detectable", "seeds_needed", "targets_needed"),
)


class StudyResult:
    """The result of a study, read from its folder; every estimate is computed on first access.

    Args:
        folder: the study's folder, such as ``runs/kl_direction``.
        outcome: the outcome of the run that created this result; None if the folder is only read.
    """

    def __init__(self, folder: Path | str, outcome: Outcome | None = None) -> None:
        self._folder = StudyFolder(Path(folder))
        self._outcome = outcome

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self._folder.path

    @property
    def page(self) -> Path:
        """Path of the report; the file exists only if a report has been written."""
        return self.folder / "report.html"

    @property
    def digest(self) -> str | None:
        """Hash of all ranks of the run, independent of where and how its cells ran; None if the folder is only read."""
        return None if self._outcome is None else self._outcome.ranks

    @cached_property
    def frame(self) -> Frame:
        """Every rank of the study, for :mod:`reports` and your own analyses.

        Raises:
            InputError: the folder holds no study, or its records do not belong together.
        """
        return read_frame(self._folder)

    @cached_property
    def report(self) -> Report:
        """The content of the page as typed values."""
        return build_report(self.frame, load_catalogue("en"))

    @property
    def answer(self) -> str:
        """The study's answer in one sentence."""
        return self.report.models["answer"].sentence

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes to read before trusting the answer, warnings first."""
        ordered = sorted(self.report.findings, key=lambda each: each.severity != "warning")
        return tuple(f"{each.severity}: {each.title}: {each.text}" for each in ordered)

    @cached_property
    def diagnosis(self) -> pd.DataFrame:
        """The result of every check on the measured evidence: one line per row and check, base first.

        ``status`` is ``issue`` if the check found its problem, ``passed`` if it did not; ``detected`` has the figures.
        """
        import pandas as pd

        frame = self.frame
        evidence = evidence_of(frame.manifest, frame.diagnoses, "en", [row.name for row in self.report.rows])
        found = [
            (name, evidence.check(each, name)) for name in evidence.names for each in evidence.checks[name].values()
        ]
        columns = ("code", "title", "severity", "status", "detected", "why")
        lines = [[name, *(getattr(check, column) for column in columns)] for name, check in found]
        return pd.DataFrame(lines, columns=["row", *columns])

    @property
    def failures(self) -> dict[tuple[str, int], str]:
        """The reason for each failed run, by row and replicate."""
        return {
            (row.name, number): why for row in self.frame.manifest.rows for number, why in sorted(row.failures.items())
        }

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """The ranking by the primary metric on the test set: one line per row, best first.

        ``low`` and ``high`` are the row's own 95% interval; ``adjusted_low`` and ``adjusted_high`` are simultaneous
        over all arms. ``p_holm`` is ``p`` corrected by Holm over the arms. ``value`` is the mean over users and seeds;
        ``last_target`` uses only each user's last target. ``log_rank`` is the effect on the logarithm of the rank,
        where below 0 is better; ``guards_lowered`` names guard metrics that fell.
        """
        import pandas as pd

        lines: list[dict[str, Any]] = []
        for row in self.report.rows:
            line = {name: getattr(row, name) for name in _OF_ROW}
            plain, adjusted = row.plain or (None, None), row.adjusted or (None, None)
            cells = {cell.metric: cell for cell in row.metrics}
            primary = cells.get(self.report.primary)
            line |= {"low": plain[0], "high": plain[1], "adjusted_low": adjusted[0], "adjusted_high": adjusted[1]}
            lines.append({**line, "value": primary.on if primary else None, **row.beside})
        table = pd.DataFrame(lines).rename(columns={"name": "arm", "verdict_text": "verdict"})
        first = ["rank", "arm", "verdict", "value", "effect", "low", "high", "relative", "p", "p_holm"]
        table = table.reindex(columns=[*first, *(name for name in table.columns if name not in first)])
        return table.astype(dict.fromkeys(_WHOLE, "Int64") | dict.fromkeys(_FIGURES, "float64"))

    @cached_property
    def references(self) -> pd.DataFrame:
        """The levels that an arm should exceed: base, then each reference row, as on the page.

        ``effect`` is the difference from base's mean; ``low`` and ``high`` are its 95% interval over users only.
        References are not arms and are not tested. Empty if the study has none.
        """
        import pandas as pd

        lines = [[getattr(line, name) for name in COLUMNS] for line in reference_lines(self.report)]
        return pd.DataFrame(lines, columns=list(COLUMNS))

    def effects(
        self,
        metric: str | None = None,
        *,
        split: Literal["test", "valid"] = "test",
        mode: Literal["served", "on", "off"] = "served",
    ) -> pd.DataFrame:
        """The paired effect of every row against base on one metric: one line per row, largest effect first.

        ``low`` and ``high`` are the row's own 95% interval. ``p`` is not corrected; ``p_holm`` is corrected by Holm
        over the arms of this table, not across tables. Arms that stopped early enter the correction with p = 1. There
        are no p-values until the study is complete. ``a/a`` is base with different random numbers. Rows without a
        changed rank have effect 0 and no p-value.

        Args:
            metric: a metric such as ``recall@20``; by default the study's primary metric.
            split: the test set or the validation set.
            mode: ``served`` as the run would be served, ``on`` with retrieval, ``off`` without retrieval.

        Raises:
            InputError: the metric, the split or the mode does not exist.
        """
        import pandas as pd

        check_view(split, mode)
        chosen = str(check_metric(metric or self.frame.manifest.primary))
        frame = self.frame
        changed = [name for name in frame.estimable() if frame.changed(name)]
        found = study_effects(frame.deltas(chosen, split, mode, changed)) if changed else {}
        found = found if progress_of(frame).complete else untested(found)
        stopped = frame.seeds.set_aside
        tested = {
            name: 1.0 if name in stopped else effect.p
            for name, effect in found.items()
            if name != A_A and effect.p is not None
        }
        adjusted = dict(zip(tested, holm(np.array(list(tested.values()))).tolist(), strict=True)) if tested else {}
        lines = [
            {
                "row": name,
                "effect": effect.mean,
                "low": effect.interval()[0],
                "high": effect.interval()[1],
                "relative": effect.relative,
                "p": effect.p,
                "p_holm": adjusted.get(name),
                "n_seeds": effect.n_seeds,
                "se": effect.se,
                "df": effect.df,
                "base": effect.reference,
            }
            for name, effect in found.items()
        ]
        columns = ("row", "effect", "low", "high", "relative", "p", "p_holm", "n_seeds", "se", "df", "base")
        nothing = dict.fromkeys(("effect", "low", "high", "relative", "se"), 0.0)
        for name in frame.estimable():
            if name not in found:
                paired = frame.paired(name)
                base = float(frame.values("base", chosen, split, mode, paired).mean())
                lines.append({"row": name, **nothing, "n_seeds": len(paired), "base": base})
        table = pd.DataFrame(lines, columns=list(columns)).astype({"p": "float64", "p_holm": "float64"})
        return table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Every metric's mean over users, next to base's: one line per row, metric, split, mode and replicate."""
        return effects_table(self.frame)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """The rank of every test target: one line per row, replicate, user and target.

        ``user`` and ``target`` are the ids of the source data; ``target_index`` numbers a user's targets from 1 (the
        oldest). ``rank`` is the rank as the run would be served; ``rank_on`` and ``rank_off`` are with and without
        retrieval. ``history_length`` counts items before the test target, ``target_popularity`` its training events.
        """
        return self._ranks("test")

    @cached_property
    def validation_ranks(self) -> pd.DataFrame:
        """As :attr:`ranks`, for the targets of the validation set."""
        return self._ranks("valid")

    def _ranks(self, split: Literal["test", "valid"]) -> pd.DataFrame:
        table = ranks_table(self.frame, split)
        leading = ("row", "replicate", "user", "target", "rank", "target_index")
        first = [name for name in leading if name in table.columns]
        return table.reindex(columns=[*first, *(name for name in table.columns if name not in first)])

    def forest(self, *, style: str | None = PLAIN) -> StudyFigure:
        """The effects of all arms with their intervals, as a matplotlib figure.

        Args:
            style: the name of a matplotlib style; None: your own ``matplotlibrc`` and settings.
        """
        return figures().forest(self.report.figures["forest"], self.report.primary_label, style=style)

    def curves(self, *, style: str | None = PLAIN) -> StudyFigure:
        """The primary metric on the validation set by epoch, one panel per row, as a matplotlib figure.

        Args:
            style: as for :meth:`forest`.
        """
        return figures().curves(self.report.figures["curves"], self.report.primary_label, style=style)

    @property
    def html(self) -> str:
        """The page as one self-contained HTML document."""
        return render_html(self.report, load_catalogue("en"))

    def save(self, path: Path | str, *, lang: str = "en") -> Path:
        """Write the page to a file, or the page and its exports to a folder; return the path of the page.

        Args:
            path: a name that ends in ``.html``, or a folder that is absent, empty or holds this study's report.
            lang: ``en`` or ``zh``.

        Raises:
            InputError: the file exists and is not a report, or the folder holds other files.
            EnvironmentProblem: the page cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() in (".html", ".htm"):
            text = load_catalogue(lang)
            return page_to(target, render_html(build_report(self.frame, text), text))
        return copy_report(self._folder, target, lang=lang, study_name=self.frame.manifest.name)

    def _head(self) -> list[str]:
        manifest = self.frame.manifest
        done = sum(len(cells) for name, cells in self.frame.records.items() if self.frame.row(name).status == "run")
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return [self.answer, self.report.protocol, f"{manifest.name}: {done} runs finished{failed}"]

    def _table(self) -> pd.DataFrame:
        return self.ranking.reindex(columns=list(SHOWN_COLUMNS)).head(SHOWN_ROWS)

    def _foot(self) -> list[str]:
        more = len(self.ranking) - SHOWN_ROWS
        warnings = [each for each in self.report.findings if each.severity == "warning"]
        lines = [f"… {more} more rows: result.ranking"] if more > 0 else []
        lines += [f"warning: {each.title} (result.notes)" for each in warnings]
        return [*lines, f"page: {self.page}"]

    def __repr__(self) -> str:
        table = self._table().to_string(index=False, na_rep="", float_format="{:.4g}".format, max_colwidth=36)
        return cut([*self._head(), *table.splitlines(), *self._foot()])

    def _repr_html_(self) -> str:
        answer, *rest = self._head()
        table = self._table().to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0)
        return f"<p><b>{escape(answer)}</b></p>{pre(escape(cut(rest)))}{table}{pre(escape(cut(self._foot())))}"
