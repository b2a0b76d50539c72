"""The report of a table of ranks: options of ``ftr-study report`` that apply only to such a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from harness.errors import InputError

PANEL = "For a table of ranks (docs/ranks.md)"

Baseline = Annotated[str | None, typer.Option(help="Arm to compare all others with.", rich_help_panel=PANEL)]
Primary = Annotated[
    str | None, typer.Option(help="Metric that ranks the arms.", show_default="ndcg@10", rich_help_panel=PANEL)
]
Question = Annotated[str | None, typer.Option(help="Heading of the page.", rich_help_panel=PANEL)]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the page.", show_default="named after the table, in its folder", rich_help_panel=PANEL
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(help="Column names of your table, such as arm=model,seed=run.", rich_help_panel=PANEL),
]
CommonUsers = Annotated[
    bool, typer.Option("--common-users", help="Use only the users that every run ranks.", rich_help_panel=PANEL)
]
Beyond = Annotated[
    int | None,
    typer.Option(
        help="Ranks that are missing, 0, negative or above K mean: not in the top K.",
        metavar="K",
        rich_help_panel=PANEL,
    ),
]
Sesoi = Annotated[
    float | None,
    typer.Option(
        help="Smallest effect worth having, as a fraction of the baseline.", show_default="0.01", rich_help_panel=PANEL
    ),
]


class Given(NamedTuple):
    """The options of a table; None or False if not given."""

    baseline: str | None
    primary: str | None
    question: str | None
    out: Path | None
    columns: str | None
    common_users: bool
    beyond: int | None
    sesoi: float | None

    def refuse_for(self, study: Path) -> None:
        """Reject options of a table that were given for a study's folder.

        Raises:
            InputError: such an option was given.
        """
        from reports.ranks.reading import ENDINGS

        given = [f"--{name.replace('_', '-')}" for name, value in self._asdict().items() if value not in (None, False)]
        if given:
            raise InputError(f"{', '.join(given)}: only for a table of ranks ({ENDINGS}); {study} is not one")


def is_table(path: Path) -> bool:
    """Whether the path is a table of ranks and not a study's folder."""
    from reports.ranks.reading import is_table

    study_file = path.suffix in (".yaml", ".yml")
    return not path.is_dir() and (is_table(path) or (path.is_file() and not study_file))


def report_of(table: Path, given: Given, lang: str) -> Path:
    """Write the report of a table of ranks.

    Returns:
        The path of the page.

    Raises:
        InputError: an option or the table cannot be used.
    """
    from reports.ranks.columns import parse_columns
    from reports.ranks.report import SESOI, arms_of, from_ranks
    from reports.ranks.saving import folder_beside

    columns = parse_columns(given.columns) if given.columns else {}
    if given.baseline is None:
        arms = ", ".join(arms_of(table, columns))
        raise InputError(f"{table}: no baseline given; add --baseline with one of {arms}")
    made = from_ranks(
        table,
        baseline=given.baseline,
        primary=given.primary or "ndcg@10",
        question=given.question or "",
        columns=columns,
        users="common" if given.common_users else "same",
        beyond=given.beyond,
        sesoi=SESOI if given.sesoi is None else given.sesoi,
        lang=lang,
    )
    return made.save(given.out or folder_beside(table))
