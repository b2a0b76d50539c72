"""The live system of one run: built from a recipe, it retrieves, weighs and mixes for a batch of prefixes."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from harness.backbones.values import ParameterGroups
from harness.data.split import Indices
from harness.engine.live.softmax import masked_softmax
from harness.engine.stopwatch import Stopwatch
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.noise import Noise
from harness.engine.types.retrieved import Retrieved, SearchObserver, unobserved
from harness.engine.types.snapshot import MemorySnapshot
from harness.engine.types.streams import Streams
from harness.recipe.compose import RequirementError
from harness.recipe.recipe import Recipe
from harness.recipe.requirements import without_blocks
from harness.recipe.schedules import Progress
from harness.recipe.seams.fusion import enhance
from harness.recipe.seams.phases import FUSION, RETRIEVER
from harness.recipe.seams.retrieval.search import NeighbourSearch, Stage

KEY_ROWS = 2**19
"""Prefixes encoded to keys at a time: at most 1 GB of intermediate tensors, and more than any named data set has."""


class System:
    """The trainable parts of a run and the fixed tables around them.

    Attributes:
        current: the current data, backbone and encodings; the backbone is the run's own copy if it moves.
        modules: the new parts, ``retriever`` and ``fusion``.
        watch: measures the time of searches.
        search_observer: called after every search, including the scorer's.
        backbone_groups: the backbone's parameter groups that may train.
    """

    def __init__(
        self,
        recipe: Recipe,
        inputs: Inputs,
        streams: Streams,
        watch: Stopwatch | None = None,
        search_observer: SearchObserver = unobserved,
    ) -> None:
        self.recipe = recipe
        self.watch = watch or Stopwatch()
        self.search_observer = search_observer
        self.current = replace(inputs, backbone=copy.deepcopy(inputs.backbone)) if recipe.moves_backbone else inputs
        hidden_size = inputs.encodings.shape[1]
        self.modules = nn.ModuleDict(
            {RETRIEVER: recipe.retriever.build(hidden_size), FUSION: recipe.fusion.build(hidden_size)}
        )
        for group, module in self.modules.items():
            recipe.start.initialise(module, streams.generator(f"start/{group}"))
        recipe.start.warm_up(self.modules[RETRIEVER], inputs, streams)
        self.backbone_groups = self.current.backbone.parameter_groups if recipe.moves_backbone else ParameterGroups()
        whole = recipe.moves_backbone and not self.backbone_groups.blocks
        if whole and (refused := without_blocks(recipe, type(self.current.backbone).__name__)):
            raise RequirementError(refused)
        self._search = NeighbourSearch(
            exclusion=recipe.exclusion, filters=recipe.filters, selection=recipe.selection, observer=search_observer
        )
        self._target = inputs.tensor(inputs.prefixes.target)

    def retriever(self, sequence: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """``R(s)``, ``(batch, d)``; with a generator its dropout is active."""
        return self.modules[RETRIEVER](sequence, generator)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Every group of parameters that may train, by name; empty for a part without parameters."""
        parts = {group: list(part.parameters()) for group, part in self.modules.items()}
        return parts | {group: self.current.backbone.parameters_of(group) for group in self.backbone_groups.names}

    def with_gradient_at(self, groups: Collection[str]) -> System:
        """A copy on the same tensors in which exactly ``groups`` require a gradient."""
        twins = {
            id(each): nn.Parameter(each.detach(), requires_grad=group in groups)
            for group, parameters in self.groups().items()
            for each in parameters
        }
        twin = copy.copy(self)
        twin.modules = copy.deepcopy(self.modules, dict(twins))
        if self.backbone_groups.names:
            twin.current = replace(self.current, backbone=copy.deepcopy(self.current.backbone, dict(twins)))
        return twin

    def state(self) -> dict[str, Tensor]:
        """Every tensor that may train, by name; views, not copies."""
        tensors: dict[str, Tensor] = dict(self.modules.state_dict())
        if self.backbone_groups.names:
            tensors |= {f"backbone.{name}": tensor for name, tensor in self.current.backbone.state_dict().items()}
        return tensors

    @torch.no_grad()
    def restore(self, state: dict[str, Any], current: Inputs) -> None:
        """Go back to an earlier :meth:`state` and :attr:`current`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.current = current

    def reencode(self) -> None:
        """Encode every prefix with the current backbone."""
        self.current = self.current.reencoded()

    @torch.no_grad()
    def keys(self, prefixes: Indices) -> Tensor:
        """``R(s)`` of prefixes in evaluation mode, ``(n, d)``."""
        parts = self.current.tensor(prefixes).split(KEY_ROWS)
        keys = [self.retriever(self.current.encodings[part]) for part in parts]
        return keys[0] if len(keys) == 1 else torch.cat(keys)

    def memory_of(self, entries: Indices, keys: Tensor) -> Memory:
        """A memory of the prefixes ``entries``, ``(N,)``, with their keys, ``(N, d)``."""
        prefixes = self.current.prefixes
        return Memory(
            prefix=entries,
            user=prefixes.user[entries],
            position=prefixes.position[entries],
            target=self._target[self.current.tensor(entries)],
            keys=keys,
        )

    def forward(
        self,
        *,
        sequence: Tensor,
        prefix: Indices,
        snapshot: MemorySnapshot,
        progress: Progress,
        noise: Noise | None = None,
    ) -> Forward:
        """Retrieve for prefixes ``(batch,)`` with vectors ``(batch, d)`` and mix in the knowledge.

        Args:
            sequence: ``s``, as encoded for this batch.
            prefix: prefix numbers.
            snapshot: the memory to retrieve from.
            progress: the epoch, for scheduled values.
            noise: draws dropout; None: evaluation mode.
        """
        recipe, fuse = self.recipe, self.modules[FUSION]
        query = self.retriever(sequence, noise and noise.query)
        asked, asked_sequence = recipe.search_query.choose(query, sequence, lambda: self._clean(prefix))
        with self.watch.stage("search"):
            neighbours = self._search(
                index=snapshot.index,
                memory=snapshot.memory,
                inputs=self.current,
                query=asked,
                sequence=asked_sequence,
                prefix=prefix,
                stage=Stage.EVAL if noise is None else Stage.TRAIN,
            )
        retrieved = Retrieved(
            prefix=prefix,
            sequence=sequence,
            query=query,
            neighbours=neighbours,
            memory=snapshot.memory,
            inputs=self.current,
        )
        keys = recipe.keys.gather(retrieved, lambda vectors: self.retriever(vectors, noise and noise.keys))
        values = recipe.values.gather(retrieved)
        temperature = recipe.temperature(progress, retrieved)
        similarity = recipe.similarity(recipe.attention_query.choose(sequence, query), keys)
        attention = masked_softmax(similarity / temperature, neighbours.mask)
        knowledge = recipe.scale((attention[:, None] @ values).squeeze(1), sequence)
        share = recipe.share(progress, retrieved)

        @torch.no_grad()
        def alone(rows: slice) -> Tensor:
            each = retrieved.rows(rows).each_alone()
            one = recipe.scale(recipe.values.gather(each).squeeze(1), each.sequence)
            enhanced = enhance(each, one, recipe.share(progress, each), fuse)
            return enhanced.view(-1, neighbours.entry.shape[1], enhanced.shape[1])

        return Forward(
            retrieved=retrieved,
            keys=keys,
            values=values,
            temperature=temperature,
            attention=attention,
            knowledge=knowledge,
            enhanced=enhance(retrieved, knowledge, share, fuse, noise and noise.fusion),
            target=self._target[self.current.tensor(prefix)],
            item_matrix=self.current.item_matrix,
            encode=lambda vectors: self.retriever(vectors, noise and noise.extra),
            alone=alone,
        )

    @torch.no_grad()
    def _clean(self, prefix: Indices) -> tuple[Tensor, Tensor]:
        sequence = self.current.encodings[self.current.tensor(prefix)]
        return self.retriever(sequence), sequence
