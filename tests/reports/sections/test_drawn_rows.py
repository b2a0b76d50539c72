"""Figures with a row per arm and of groups: what stands where, and a caption of what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.drawing.svg import NARROW
from reports.locale import load_catalogue
from reports.sections.assembly import build_report
from reports.sections.modes import levels
from reports.sections.ranking import forest
from reports.sections.report import Report
from reports.sections.who import groups
from tests.reports import worlds
from tests.reports.worlds import Arm, study

CLEAR = 3.0
"""Points between a name and a mark, as a browser sets the name in a face of its own, which may be taller."""


def built(folder: StudyFolder) -> Report:
    return build_report(read_frame(folder), load_catalogue("en"))


@pytest.mark.parametrize("module", [forest, levels])
def test_on_a_narrow_page_no_name_covers_a_mark_of_its_row_or_of_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(module, "to_svg", lambda canvas, name: kept.append(canvas) or "")
    report = built(study(tmp_path / "s", {f"an_arm_with_a_long_name_{n}": Arm(shift=0.1 * n) for n in range(5)}))
    module.draw(report.figures["forest" if module is forest else "modes"], "axis", NARROW)
    (canvas,) = kept
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(canvas).draw()
    (axes,) = canvas.axes
    names = [each.get_window_extent() for each in axes.texts if each.get_text().startswith("an_arm")]
    assert len(names) == 5
    to_pixels, points = axes.transData.transform, canvas.dpi / 72.0
    for line in axes.lines:
        if line.get_marker() in ("o", "s") and len(line.get_xdata()):
            half = (line.get_markersize() / 2.0 + CLEAR) * points
            for _, y in to_pixels(np.column_stack([line.get_xdata(), line.get_ydata()])):
                assert not any(box.y0 < y + half and y - half < box.y1 for box in names)


def test_the_forest_explains_an_arrow_and_a_dotted_line_only_where_there_is_one(tmp_path: Path) -> None:
    plain = built(study(tmp_path / "plain", {"a": Arm(), "b": Arm(shift=0.1)}, n_users=300)).figures["forest"].caption
    assert "Dotted" not in plain
    assert "arrow" not in plain
    failures = {("a", 1): "killed", ("a", 2): "killed"}
    folder = study(tmp_path / "one", {"a": Arm(), "b": Arm(), "c": Arm()}, n_users=300, failures=failures)
    assert "Dotted: one seed" in built(folder).figures["forest"].caption
    figure = built(folder).figures["forest"]
    wide = list(figure.rows[0])
    wide[3], wide[4] = -9.0, 9.0
    assert forest.is_cut(replace(figure, rows=(tuple(wide), *figure.rows[1:])))


def test_limits_of_the_groups_hold_every_estimate(tmp_path: Path) -> None:
    report = built(study(tmp_path / "s", {**worlds.FOUR, "far": Arm(shift=1.5)}, n_users=300))
    figure = report.figures["groups"]
    row = list(figure.rows[0])
    row[5:8] = [2.0, 1.9, 2.1]
    for each in (figure, replace(figure, rows=(tuple(row), *figure.rows[1:]))):
        left, right = groups._limits(each)
        assert all(left < effect < right for effect in each.column("effect"))
