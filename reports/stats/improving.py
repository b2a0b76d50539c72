"""Rows whose training was cut short by the budget."""

from __future__ import annotations

from harness.results.frame import Frame


def improving_rows(frame: Frame) -> tuple[list[str], int, int]:
    """Return rows that chose the budget's last epoch in half of their runs or more; such runs; runs that reached it.

    With a budget of one epoch there is no choice, and no row is returned.
    """
    last = frame.manifest.budget.get("epochs")
    if last == 1:
        return [], 0, 0
    names: list[str] = []
    n_late = n_all = 0
    for name, cells in frame.records.items():
        if frame.row(name).status != "run":
            continue
        trained = [record for record in cells.values() if record.curve and record.curve[-1].epoch == last]
        late = sum(record.chosen_epoch == last for record in trained)
        n_late, n_all = n_late + late, n_all + len(trained)
        if late and 2 * late >= len(cells):
            names.append(name)
    return names, n_late, n_all
