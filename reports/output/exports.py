"""The ranking as CSV, Markdown and LaTeX tables, from the rows of the report."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from reports.drawing.figure import Scalar, to_csv
from reports.locale import Catalogue, formats
from reports.sections.report import Report, Row

LONGEST_FLOAT = 40
"""Most rows of a LaTeX table that fits on one page."""

_MARKDOWN = re.compile(r"[\\`*_\[\]|~$]")
_MARKDOWN_START = re.compile(r"^(?=[#+\-=])|^(\d+)(?=[.)])")
_LIGATURE = re.compile(r"(?<=-)(?=-)|(?<=,)(?=,)|(?<=')(?=')")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedblright{}",
    # At the start of a row, LaTeX reads these as an argument of the row end before it.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    formats.MINUS: "$-$",
    formats.NONE: "--",
}
_LAST_LATIN = 0x17F


def ranking_csv(report: Report) -> str:
    """The ranking as CSV, one line per row, with unrounded figures."""
    plain = (
        "rank name kind verdict verdict_text note equals family priority n_seeds effect relative p p_holm df method "
        "detectable seeds_needed targets_needed p_worthwhile rank_low rank_high user_sd seed_sd error_sd "
        "seed_share target_share seconds"
    ).split()
    bounds = ["low", "high", "adjusted_low", "adjusted_high"]
    levels = [f"{metric}_{mode}" for metric in report.metrics for mode in ("on", "off")]
    without = [f"without_valid_targets_{part}" for part in ("effect", "low", "high")]
    beside = list(dict.fromkeys(name for row in report.rows for name in row.beside))

    def values(row: Row) -> Iterable[Scalar]:
        yield from (getattr(row, name) for name in plain)
        yield from row.plain or (None, None)
        yield from row.adjusted or (None, None)
        cells = {cell.metric: cell for cell in row.metrics}
        for metric in report.metrics:
            cell = cells.get(metric)
            yield from (cell.on, cell.off) if cell else (None, None)
        fewer = row.without_valid_targets
        yield from (fewer.effect, fewer.low, fewer.high) if fewer else (None, None, None)
        found = row.beside
        yield from (found.get(name) for name in beside)

    return to_csv([*plain, *bounds, *levels, *without, *beside], (values(row) for row in report.rows))


def ranking_markdown(report: Report, text: Catalogue) -> str:
    """The ranking as a GitHub Markdown table, with title and answer above it and a caption below."""
    heads = _heads(report, text)
    lines = [
        f"**{escape_markdown(_title(report))}**",
        "",
        _paragraph(report.models["answer"].sentence),
        "",
        f"| {' | '.join(escape_markdown(head) for head in heads)} |",
        "| ---: | :--- | :--- | " + " | ".join("---:" for _ in heads[3:]) + " |",
        *(f"| {' | '.join(escape_markdown(cell) for cell in _cells(report, row))} |" for row in report.rows),
        "",
        _paragraph(_caption(report, text)),
    ]
    return "\n".join(lines) + "\n"


def ranking_latex(report: Report, text: Catalogue) -> str:
    r"""The ranking as a LaTeX table that compiles alone and can be included in a paper with ``\input``.

    A table longer than a page becomes a ``longtable``.  Names outside the Latin alphabet need XeLaTeX or LuaLaTeX.
    """
    heads = [escape_latex(head) for head in _heads(report, text)]
    rows = [[escape_latex(cell) for cell in _cells(report, row)] for row in report.rows]
    caption = escape_latex(f"{_title(report)} {_caption(report, text)}")
    letters = set().union(caption, *heads, *(cell for row in rows for cell in row))
    beyond_latin = any(ord(letter) > _LAST_LATIN for letter in letters)
    east_asian = any(unicodedata.east_asian_width(letter) in "WF" for letter in letters)
    long = len(rows) > LONGEST_FLOAT
    packages = ["array", "booktabs", *(["longtable"] if long else [])]
    chinese = rf"\usepackage[{'UTF8' if report.lang == 'zh' else 'scheme=plain'}]{{ctex}}"
    columns = "r" + r">{\raggedright\arraybackslash}p{.27\linewidth}" + "l" + "r" * (len(heads) - 3)
    body = [f"{' & '.join(row)} \\\\" for row in rows]
    top = [r"\toprule", f"{' & '.join(heads)} \\\\", r"\midrule"]
    if long:
        table = [
            f"\\begin{{longtable}}{{{columns}}}",
            f"\\caption{{{caption}}}\\\\",
            *top,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *body,
            r"\end{longtable}",
        ]
    else:
        table = [
            r"\begin{table}[htbp]",
            r"\centering",
            f"\\caption{{{caption}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            *top,
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    scalable = r"\usepackage[T1]{fontenc}\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}"
    engine = "xelatex or lualatex" if beyond_latin else "pdflatex, xelatex or lualatex"
    lines = [
        f"% Alone: {engine} ranking.tex. In a paper: \\input{{ranking}} with \\usepackage of "
        f"{', '.join([*packages, *(['ctex'] if east_asian else [])])}.",
        r"\expandafter\ifx\csname @nodocument\endcsname\relax\let\ftrend\relax\else",
        r"\documentclass[10pt]{article}",
        *([r"\usepackage{iftex}\RequireTUTeX"] if beyond_latin else [scalable]),
        r"\usepackage[a4paper,landscape,margin=15mm]{geometry}",
        f"\\usepackage{{{','.join(packages)}}}",
        *([chinese] if east_asian else []),
        r"\begin{document}\def\ftrend{\end{document}}\fi",
        r"\begingroup\footnotesize\setlength{\tabcolsep}{4pt}\setlength{\abovetopsep}{4pt}",
        *table,
        r"\endgroup",
        r"\ftrend",
    ]
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    r"""The text escaped so that Markdown shows it unchanged, on one line and in one cell.

    >>> print(escape_markdown("a|b <i>c</i>"))
    a\|b &lt;i&gt;c&lt;/i&gt;
    """
    plain = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\g<0>", plain)


def _paragraph(text: str) -> str:
    """Escaped text, also at its start, so that it does not become a heading or a list."""
    return _MARKDOWN_START.sub(r"\1\\", escape_markdown(text))


def escape_latex(text: str) -> str:
    r"""The text escaped so that LaTeX prints it unchanged, even if packages make characters active.

    >>> print(escape_latex("weight[w=0.003] & 100%"))
    weight{[}w=0.003{]} \& 100\%
    """
    parts = _LIGATURE.split(_one_line(text))
    return "{}".join("".join(_LATEX.get(letter, letter) for letter in part) for part in parts)


def _heads(report: Report, text: Catalogue) -> list[str]:
    keys = ("rank", "arm", "verdict", "effect", "effect_share", "adjusted", "p_holm", "p_worthwhile")
    last = [text("beside.last_target", metric=report.primary_label)] if report.n_targets > 1 else []
    return [*(text(f"table.{key}") for key in keys), report.primary_label, *last]


def _cells(report: Report, row: Row) -> list[str]:
    decimals = report.decimals
    low, high = formats.interval(row.adjusted, decimals)
    primary = next((cell for cell in row.metrics if cell.metric == report.primary), None)
    return [
        formats.NONE if row.rank is None else str(row.rank),
        row.name,
        row.verdict_text,
        formats.signed(row.effect, decimals),
        formats.percent(row.relative),
        formats.NONE if row.adjusted is None else f"{low}, {high}",
        formats.p_value(row.p_holm),
        formats.chance(row.p_worthwhile),
        formats.number(None if primary is None else primary.on),
        *([formats.number(row.last_target and row.last_target.level)] if report.n_targets > 1 else []),
    ]


def _title(report: Report) -> str:
    return report.question or report.study


def _caption(report: Report, text: Catalogue) -> str:
    made_from = text(
        "page.made_from",
        n_arms=text.count("count.arms", report.n_arms),
        data=report.data,
        n_users=f"{report.n_users:,}",
        n_replicates=report.seeds(text),
    )
    return text("list.sentences").join(
        [
            text("table.caption_export", metric=report.primary_label),
            *([report.protocol] if report.protocol else []),
            text("table.source", made_from=made_from, study=report.study),
        ]
    )


def _one_line(text: str) -> str:
    """The text without line breaks, tabs and other control characters."""
    return "".join(_printable(" ".join(text.split())))


def _printable(text: str) -> Iterable[str]:
    return (letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cs", "Co", "Cn"))
