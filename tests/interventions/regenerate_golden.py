"""Write the golden texts anew: ``python -m tests.interventions.regenerate_golden``, then read the diff."""

from __future__ import annotations

from harness.interventions import CATALOGUE
from harness.recipe.recipe import BASE
from tests.interventions.test_contract import GOLDEN, changes, recipe_text
from tests.recipe import test_all_pairs

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.txt"):
        old.unlink()
    (GOLDEN / "base.txt").write_text(recipe_text(BASE), encoding="utf-8")
    for kind in CATALOGUE:
        (GOLDEN / f"{kind.id}.txt").write_text(changes(kind), encoding="utf-8")
    test_all_pairs.GOLDEN.write_text(test_all_pairs.refused_pairs(), encoding="utf-8")
