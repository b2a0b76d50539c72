"""What a reader must know before believing the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.results.manifest import A_A, BASE
from reports.locale import Catalogue, formats
from reports.sections.answer.data import data_findings
from reports.sections.base import SectionInput
from reports.sections.report import Finding, note, warning
from reports.sections.study_checks.build import study_findings
from reports.stats.analysis import Analysis
from reports.stats.improving import improving_rows


def findings_of(given: SectionInput) -> tuple[Finding, ...]:
    """Return warnings and notes on the whole study, the gravest first."""
    analysis, frame, text = given.analysis, given.frame, given.text
    manifest = frame.manifest
    found: list[Finding] = []
    n_base = len(frame.replicates(BASE))
    if earlier := [(n, folder) for n, folder in frame.seeds.earlier if n < n_base]:
        ends = text("list.comma").join(dict.fromkeys(str(n) for n, _ in earlier))
        found.append(warning("extended", text, [f"{folder} ({n})" for n, folder in earlier], ends=ends))
    if analysis.one_seed:
        found.append(warning("one_seed", text))
    elif analysis.two_seeds:
        found.append(warning("two_seeds", text))
    else:
        few = {
            code: [row.name for row in given.rows if row.verdict == code and not row.equals]
            for code in ("one_seed", "two_seeds")
        }
        found += [warning(f"{code}_arms", text, names) for code, names in few.items() if names]
    noise = analysis.effects.get(A_A)
    if noise is None:
        if analysis.base_mean is not None:
            found.append(warning("aa_missing", text))
    elif noise.p is not None and noise.p < 0.05:
        low, high = formats.interval(noise.interval(), given.decimals)
        effect = formats.signed(noise.mean, given.decimals)
        found.append(warning("aa_failed", text, effect=effect, low=low, high=high, p=formats.p_value(noise.p)))
    states = {row.name: [frame.cell(row.name, number) for number in manifest.replicates] for row in manifest.rows}
    for state, say in (("failed", warning), ("lost", warning), ("missing", note)):
        counts = {name: cells.count(state) for name, cells in states.items() if state in cells}
        if counts:
            found.append(say(state, text, _counted(counts), n=text.count("count.runs", sum(counts.values()))))
    if analysis.unchanged:
        found.append(warning("no_effect", text, [row.name for row in given.rows if row.name in analysis.unchanged]))
    if inapplicable := [row for row in manifest.rows if row.status == "inapplicable"]:
        reasons = [f"{row.name}: {row.reason.removeprefix(f'{row.name}: ')}" for row in inapplicable]
        found.append(note("inapplicable", text, reasons))
    improving, n_late, n_all = improving_rows(frame)
    if manifest.budget.get("epochs") == 1:
        found.append(note("one_epoch", text))
    elif improving:
        found.append(warning("improving", text, improving, n=n_late, all=text.count("count.runs", n_all)))
    return (*study_findings(given), *data_findings(given), *found, *_checks(analysis, text))


def _checks(analysis: Analysis, text: Catalogue) -> list[Finding]:
    seen: dict[tuple[str, str], Counter[str]] = {}
    for name, cells in analysis.frame.records.items():
        if analysis.frame.row(name).status != "run":
            continue
        for record in cells.values():
            for code, sentence in record.checks.items():
                seen.setdefault((code, sentence), Counter())[name] += 1
    return [
        Finding(
            code=f"check:{code}",
            severity="note",
            title=_title(code, text),
            text=text("list.sentences").join(
                [
                    text(f"check.{code}") if text.has(f"check.{code}") else sentence,
                    text("finding.check.text", n=text.count("count.runs", counts.total())),
                ]
            ),
            items=_counted(counts),
        )
        for (code, sentence), counts in sorted(seen.items())
    ]


def _title(code: str, text: Catalogue) -> str:
    """Return a check's title in words; a code that this version does not know is shown itself."""
    known = f"finding.check.known.{code}"
    return text(known) if text.has(known) else text("finding.check.title", code=code)


def _counted(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{name} ({count})" for name, count in counts.items())
