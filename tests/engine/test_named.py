"""Masses of a few items, as sparse triples, are those of a whole table."""

from __future__ import annotations

import pytest
import torch

from harness.engine.live.mixing.masses import Named

ROWS, COLUMNS = 7, 11


def table(seed: int) -> torch.Tensor:
    """Masses ``(ROWS, COLUMNS)``, most of them 0; one row is all zeros."""
    generator = torch.Generator().manual_seed(seed)
    masses = torch.rand(ROWS, COLUMNS, generator=generator)
    masses[torch.rand(ROWS, COLUMNS, generator=generator) < 0.6] = 0.0
    masses[3] = 0.0
    return masses


def test_a_table_comes_back_whole() -> None:
    assert torch.equal(Named.of(table(0)).spread(ROWS, COLUMNS), table(0))


def test_masses_of_chosen_items_are_those_of_the_table() -> None:
    item = torch.randint(0, COLUMNS, (ROWS, 20), generator=torch.Generator().manual_seed(1))
    assert torch.equal(Named.of(table(0)).at(item), table(0).gather(1, item))


def test_without_any_mass_every_item_has_none() -> None:
    none = Named.of(torch.zeros(ROWS, COLUMNS))
    assert torch.equal(none.at(torch.zeros(ROWS, 2, dtype=torch.int64)), torch.zeros(ROWS, 2))
    assert torch.equal(none.spread(ROWS, COLUMNS), torch.zeros(ROWS, COLUMNS))


@pytest.mark.parametrize("n_kinds", [1, 2, 3])
def test_the_mean_of_several_kinds_is_that_of_their_tables(n_kinds: int) -> None:
    tables = [table(seed) for seed in range(n_kinds)]
    mean = Named.mean([Named.of(each) for each in tables]).spread(ROWS, COLUMNS)
    torch.testing.assert_close(mean, torch.stack(tables).mean(dim=0), rtol=1e-6, atol=0.0)


def test_a_sum_adds_up_what_names_an_item_twice_and_drops_what_has_no_mass() -> None:
    row = torch.tensor([1, 0, 1, 1])
    item = torch.tensor([4, 2, 4, 3])
    found = Named.summed(row, item, torch.tensor([0.25, 1.0, 0.5, 0.0]))
    assert (found.row.tolist(), found.item.tolist(), found.mass.tolist()) == ([0, 1], [2, 4], [1.0, 0.75])
