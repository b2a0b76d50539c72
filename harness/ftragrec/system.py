"""The live system of one run: built from a recipe, it retrieves, weighs and mixes for a batch of prefixes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from harness.data.split import Indices
from harness.errors import InputError
from harness.ftragrec.attention import masked_softmax
from harness.ftragrec.forward import Forward
from harness.ftragrec.fusion import enhance
from harness.ftragrec.inputs import Inputs
from harness.ftragrec.memory import Memory
from harness.ftragrec.search import LiveIndex, NeighbourSearch, Stage
from harness.ftragrec.streams import Streams
from harness.recipe import Recipe
from harness.schedules import Progress


class System:
    """The trainable parts of a run and the fixed tables around them.

    Attributes:
        modules: group of parameters -> module, ``retriever`` and ``fusion``.
        scorer: scores the catalogue with retrieval on.
    """

    def __init__(self, recipe: Recipe, inputs: Inputs, streams: Streams) -> None:
        self.recipe = recipe
        self.inputs = inputs
        hidden_size = inputs.encodings.shape[1]
        self.modules = nn.ModuleDict(
            {"retriever": recipe.retriever.build(hidden_size), "fusion": recipe.fusion.build(hidden_size)}
        )
        for group, module in self.modules.items():
            recipe.start.initialise(module, streams.generator(f"start/{group}"))
        self._search = NeighbourSearch(exclusion=recipe.exclusion, filters=recipe.filters, selection=recipe.selection)
        self.scorer = recipe.scorer.build(inputs, recipe.exclusion)
        self._target = torch.from_numpy(inputs.prefixes.target)

    def retriever(self, sequence: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """``R(s)``, ``(batch, d)``; with a generator its dropout is active."""
        return self.modules["retriever"](sequence, generator)

    def named_groups(self) -> Iterator[tuple[str, list[nn.Parameter]]]:
        """The groups that have parameters, with them."""
        for group, module in self.modules.items():
            parameters = list(module.parameters())
            if parameters:
                yield group, parameters

    @torch.no_grad()
    def build_memory(self) -> Memory:
        """The memory with keys encoded by the retriever as it is now, in evaluation mode.

        Raises:
            InputError: no prefix is admitted.
        """
        recipe, prefixes = self.recipe, self.inputs.prefixes
        entries = recipe.sources.entries(self.inputs)
        entries = recipe.eviction.kept(entries[recipe.admission.admitted(entries, self.inputs)])
        if len(entries) == 0:
            raise InputError(
                f"the memory is empty: none of {len(prefixes.train)} training prefixes passes {recipe.admission}; "
                "use longer histories or admit shorter ones"
            )
        return Memory(
            prefix=entries,
            user=prefixes.user[entries],
            position=prefixes.position[entries],
            target=self._target[torch.from_numpy(entries)],
            keys=self.retriever(self.inputs.encodings[torch.from_numpy(entries)]),
        )

    def build_index(self, memory: Memory, streams: Streams) -> LiveIndex:
        """The index over the memory's normalised keys."""
        return self.recipe.index.build(nn.functional.normalize(memory.keys, dim=1).numpy(), streams.integer("index"))

    def forward(
        self,
        *,
        sequence: Tensor,
        prefix: Indices,
        memory: Memory,
        index: LiveIndex,
        progress: Progress,
        generator: torch.Generator | None = None,
    ) -> Forward:
        """Retrieve for prefixes ``(batch,)`` with vectors ``(batch, d)`` and mix what was found.

        Args:
            generator: draws the retriever's dropout; None: evaluation mode.
        """
        recipe, prefixes, item_matrix = self.recipe, self.inputs.prefixes, self.inputs.item_matrix
        query = self.retriever(sequence, generator)
        neighbours = self._search(
            index=index,
            memory=memory,
            queries=query,
            user=prefixes.user[prefix],
            position=prefixes.position[prefix],
            stage=Stage.EVAL if generator is None else Stage.TRAIN,
        )
        keys = recipe.keys.gather(memory, neighbours, self.inputs, lambda vectors: self.retriever(vectors, generator))
        values = recipe.values.gather(memory, neighbours, self.inputs)
        temperature = recipe.temperature(progress, neighbours)
        asked = recipe.attention_query.choose(sequence, query)
        attention = masked_softmax(recipe.similarity(asked, keys) / temperature, neighbours.mask)
        knowledge = recipe.scale((attention[:, None] @ values).squeeze(1), sequence)
        share = recipe.share(progress, neighbours)
        return Forward(
            sequence=sequence,
            query=query,
            neighbours=neighbours,
            keys=keys,
            values=values,
            temperature=temperature,
            attention=attention,
            knowledge=knowledge,
            enhanced=enhance(sequence, knowledge, neighbours, share, self.modules["fusion"]),
            target=self._target[torch.from_numpy(prefix)],
            item_matrix=item_matrix,
        )
