"""Each use of dropout draws from a stream of its own, anew in every epoch."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor, nn

from harness.engine.run import Run
from harness.engine.terms import loss_terms
from harness.engine.types.inputs import Inputs
from harness.engine.types.noise import Noise
from harness.engine.types.streams import Streams
from harness.interventions.base import Intervention
from harness.interventions.fusion import Attention
from harness.interventions.scope import HardNegatives
from harness.interventions.wiring import LiveKeys
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.retriever import ContrastiveStart

START = Progress(epoch=0, epochs=2)
USES = tuple(each.name for each in fields(Noise))


def states(noise: Noise) -> dict[str, Tensor]:
    return {use: getattr(noise, use).get_state() for use in USES}


def test_no_two_uses_and_no_two_epochs_share_a_stream(streams: Streams) -> None:
    seeds = [getattr(Noise.of_epoch(streams, epoch), use).initial_seed() for epoch in (0, 1) for use in USES]
    assert len(set(seeds)) == 2 * len(USES)


@pytest.mark.parametrize(
    ("remedies", "draws"),
    [
        ([], {"query"}),
        ([LiveKeys()], {"query", "keys"}),
        ([HardNegatives()], {"query", "extra"}),
        ([Attention()], {"query", "fusion"}),
        ([LiveKeys(), HardNegatives(), Attention()], {"query", "keys", "extra", "fusion"}),
    ],
    ids=["base", "live keys", "hard negatives", "attention", "all"],
)
def test_a_part_draws_from_its_own_stream_alone(
    remedies: list[Intervention], draws: set[str], inputs: Inputs, streams: Streams
) -> None:
    run = Run(recipe=compose(BASE, remedies), inputs=inputs, streams=streams)
    noise, prefix = Noise.of_epoch(streams, 0), inputs.prefixes.train[:40]
    fresh = states(noise)
    forward = run.forward(inputs.encodings[torch.from_numpy(prefix)], prefix, START, noise)
    for term in loss_terms(run.recipe, forward, START):
        term.value(slice(None))
    assert {use for use, state in states(noise).items() if not torch.equal(state, fresh[use])} == draws
    as_found = Noise.of_epoch(streams, 0)
    Run(recipe=BASE, inputs=inputs, streams=streams).forward(
        inputs.encodings[torch.from_numpy(prefix)], prefix, START, as_found
    )
    assert torch.equal(states(noise)["query"], states(as_found)["query"])


class Hearing(nn.Module):
    """An encoder that remembers which generators it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(64))
        self.seeds: list[int] = []

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self.seeds.append(-1 if generator is None else generator.initial_seed())
        return inputs * self.scale


def test_a_warm_start_drops_out_on_both_sides_from_the_epochs_stream(inputs: Inputs, streams: Streams) -> None:
    encoder = Hearing()
    ContrastiveStart(epochs=2, temperature=0.1).warm_up(encoder, inputs, streams)
    assert set(encoder.seeds) == {streams.integer("warm_start", epoch) for epoch in (0, 1)}
    assert len(encoder.seeds) == 2 * 2
    other = Hearing()
    ContrastiveStart(epochs=2, temperature=0.1).warm_up(other, inputs, replace(streams, replicate=1))
    assert set(other.seeds).isdisjoint(encoder.seeds)
