"""A study in Python: its keys, its plan, its run and its result."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from harness.api.keys import read_keys
from harness.api.notebook import load_runner, pre
from harness.api.plan import StudyPlan
from harness.errors import InputError
from harness.files import write_atomically
from harness.processors import processors
from harness.results.folder import StudyFolder
from harness.results.text import cut
from harness.study.study import load_study as read_file
from harness.study.types import Study as CheckedStudy
from harness.study.writing import absolute, to_yaml
from harness.study.yaml_lines import parse_yaml

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.result import StudyResult

RUNS = Path("runs")


class Study:
    """A study: base and arms on one data set, compared over seeds.

    The keys and their checks are those of a study file; a key with value None is left out. In addition, ``data`` may
    be a pandas frame or ``{"frame": df, "columns": {...}}``, files may be ``Path`` objects, and ``name`` is optional.
    Relative paths start at the working folder.

    Args:
        out: folder of all studies; this study's folder is ``out/name``.
        of_the_mode: settings of the mode, such as ``search={...}``.

    Raises:
        harness.study.mistakes.StudyFileError: lists all mistakes; each of its ``problems`` has the place of the key.

    >>> study = Study(data="ml-100k", arms={"reverse": "kl.reverse"}, replicates=2)
    >>> study.rows
    ('base', 'a/a', 'reverse')
    """

    __slots__ = ("_checked", "_out")

    def __init__(
        self,
        *,
        data: str | Path | Mapping[str, Any] | pd.DataFrame | None = None,
        arms: Mapping[str, Any] | None = None,
        name: str | None = None,
        question: str | None = None,
        base: object = None,
        mode: str | None = None,
        replicates: int | Mapping[str, int] | None = None,
        seed: int | None = None,
        primary: str | None = None,
        checkpoint: str | None = None,
        guard: Sequence[str] | None = None,
        sesoi: float | None = None,
        protocol: Mapping[str, Any] | None = None,
        budget: Mapping[str, int] | None = None,
        backbone: str | Path | Mapping[str, Any] | None = None,
        diagnostics: str | Mapping[str, Any] | None = None,
        follows: Mapping[str, Any] | None = None,
        device: str | None = None,
        on_inapplicable: str | None = None,
        out: Path | str = RUNS,
        **of_the_mode: Any,
    ) -> None:
        given = {
            "name": name,
            "question": question,
            "data": data,
            "base": base,
            "arms": arms,
            "mode": mode,
            "replicates": replicates,
            "seed": seed,
            "primary": primary,
            "checkpoint": checkpoint,
            "guard": guard,
            "sesoi": sesoi,
            "protocol": protocol,
            "budget": budget,
            "backbone": backbone,
            "diagnostics": diagnostics,
            "follows": follows,
            "device": device,
            "on_inapplicable": on_inapplicable,
            **of_the_mode,
        }
        self._out = Path(out).absolute()
        self._checked = read_keys(given, out=self._out)

    @classmethod
    def from_file(cls, path: Path | str, *, out: Path | str = RUNS) -> Study:
        """Return the study that a study file describes.

        Args:
            path: the file; relative paths inside it start at its folder.
            out: folder of all studies.

        Raises:
            harness.study.mistakes.StudyFileError: lists every mistake with its line.
        """
        study = cls.__new__(cls)
        study._out = Path(out).absolute()
        study._checked = read_file(path)
        return study

    @property
    def checked(self) -> CheckedStudy:
        """The study with every default filled in."""
        return self._checked

    @property
    def name(self) -> str:
        """The name as given, or one built from the data's name and a hash of the keys."""
        return self._checked.name

    @property
    def folder(self) -> Path:
        """The study's folder; holds its report and manifest after a run."""
        return self._out / self._checked.slug

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the planned rows of the ranking, base first.

        Raises:
            harness.study.mistakes.StudyFileError: an arm cannot be composed.
        """
        from harness.modes.planning import make_plan

        return tuple(row.name for row in make_plan(self._checked).rows)

    def to_yaml(self) -> str:
        """The equivalent study file with absolute paths; it gives the same records and ranks."""
        content = self._checked.content
        keys = cast("dict[str, object]", parse_yaml(content, str(self._checked.path)).value)
        return to_yaml(absolute(keys, self._checked.path.parent))

    def save_file(self, path: Path | str) -> Path:
        """Write :meth:`to_yaml` to a file, for ``ftr-study run FILE``.

        Raises:
            harness.errors.EnvironmentProblem: the file cannot be written.
        """
        write_atomically(Path(path), self.to_yaml().encode(), option="another path")
        return Path(path)

    def plan(
        self, *, workers: int | None = None, data_dir: Path | str | None = None, contract: bool = True
    ) -> StudyPlan:
        """The plan of a run: its cells, those reused, the expected duration and the smallest detectable effect.

        Args:
            workers: processes that would run cells; None: one per core that this process may use.
            data_dir: folder of named data sets; None: the user's cache folder.
            contract: whether to check plug-in remedies against their contract, once per version of their source.

        Raises:
            harness.errors.FtrError: the study or its data cannot be used.
        """
        load_runner()
        from harness.contracts.of_study import check_plugins
        from harness.runner.forecast import forecast
        from reports.output.terminal import detectable_effect, detectable_line

        study = self._checked
        if contract:
            # On stderr, as ``ftr-study plan`` does.
            check_plugins(study, self._out / ".cache", lambda text: print(text, file=sys.stderr))  # noqa: T201
        found = forecast(study, out=self._out, data_dir=_path(data_dir), workers=_workers(workers))
        detectable = detectable_effect(StudyFolder(self.folder), n_seeds=study.n_compared)
        lines = (*found.lines(), detectable_line(detectable, study.primary))
        return StudyPlan(forecast=found, detectable=detectable, lines=lines)

    def run(
        self,
        *,
        workers: int | None = None,
        data_dir: Path | str | None = None,
        executor: Literal["local", "ray"] = "local",
        address: str | None = None,
        gpus_per_cell: float = 0.0,
        storage: str | None = None,
        verbose: bool = True,
        contract: bool = True,
    ) -> StudyResult:
        """Run all cells that have no record yet, write the report into :attr:`folder` and return the result.

        A failed run does not affect the others; see :attr:`StudyResult.failures`.

        Args:
            workers: processes that run cells, one thread each; None: one per core that this process may use.
            data_dir: folder of named data sets; None: the user's cache folder.
            executor: ``local`` for processes on this machine, or ``ray``.
            address, gpus_per_cell: settings of a Ray cluster, as for ``ftr-study run``.
            storage: Optuna storage URL; None: SQLite in :attr:`folder`.
            verbose: whether to show progress: in place in a notebook and on a terminal, as lines elsewhere.
            contract: as for :meth:`plan`.

        Raises:
            KeyboardInterrupt: the run was interrupted; finished runs are kept, :meth:`result` reads them, and another
                call continues from there.
            harness.errors.FtrError: the study, its data or the machine does not allow the run.
        """
        load_runner()
        from harness.api.notebook import display_of
        from harness.api.pages import EarlyPages, page_of
        from harness.api.result import StudyResult
        from harness.contracts.of_study import check_plugins
        from harness.runner.coordinator import RunOptions, run_study
        from harness.runner.executors.base import Where

        where = Where(executor=executor, workers=_workers(workers), address=address, gpus_per_cell=gpus_per_cell)
        options = RunOptions(
            out=self._out, where=where, storage=storage, data_dir=_path(data_dir), command="Study(...).run()"
        )
        pages = EarlyPages(display_of(self._checked.primary, verbose=verbose))
        if contract:
            check_plugins(self._checked, self._out / ".cache", pages.display.note)
        outcome = run_study(self._checked, options, pages.display, on_replicate=pages, on_end=page_of)
        result = StudyResult(self.folder, outcome)
        if outcome.interrupted:
            done = outcome.n_run + outcome.n_reused
            raise KeyboardInterrupt(
                f"interrupted; {done} runs are finished and kept: run() continues from there, result() reads them"
            )
        return result

    def result(self) -> StudyResult:
        """The result of earlier runs of this study; runs nothing.

        Raises:
            harness.errors.InputError: the study has not run yet, or its folder holds the results of other keys;
                ``StudyResult(folder)`` reads any results.
        """
        load_runner()
        from harness.api.matching import differing_keys
        from harness.api.result import StudyResult

        found = StudyResult(self.folder)
        differs = differing_keys(self._checked, found.frame.manifest)
        if differs:
            raise InputError(
                f"{self.folder} holds the results of a study {self.name!r} with other keys ({', '.join(differs)}); "
                "run() replaces them and keeps every record, another name= keeps both, and StudyResult(folder) reads "
                "the old results"
            )
        return found

    def __repr__(self) -> str:
        study = self._checked
        arms = [f"  {row.name}: {' + '.join(str(each) for each in row.stack)}" for row in study.rows]
        head = f"Study {study.name!r}: {len(arms)} arms on {study.data.label}, {study.n_seeds} replicates"
        return cut([head, *arms, f"primary metric {study.primary}, {study.budget}; folder {self.folder}"], most=24)

    def _repr_html_(self) -> str:
        return pre(escape(repr(self)))


def load_study(path: Path | str, *, out: Path | str = RUNS) -> Study:
    """Return the study that a study file describes; see :meth:`Study.from_file`."""
    return Study.from_file(path, out=out)


def _workers(given: int | None) -> int:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 1):
        raise InputError(f"workers={given!r}: give a whole number from 1, or None for one process per core")
    return given if given is not None else processors()


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
