"""The ground of the next study's arms: the base and protocol of an earlier study's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.checks.base import Remedy
from harness.data.protocol import Protocol
from harness.errors import InputError
from harness.interventions import available
from harness.interventions.backbone import BackboneChoice
from harness.interventions.base import Intervention
from harness.recipe.compose import CompositionError, ConflictError, compose
from harness.recipe.recipe import BASE as AS_FOUND
from harness.recipe.requirements import without_blocks
from harness.study.arms import read_base
from harness.study.checking import PLACES, changes_alone
from harness.study.parts import BackboneModel, ProtocolModel, read_part
from harness.study.sources import backbone_model
from harness.study.types import Overrides
from harness.study.writing import absolute, to_yaml
from harness.study.yaml_lines import parse_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A study file's keys, and the stacks that compose on its base.

    Attributes:
        keys: the keys as they were run: with the values of the command line, paths absolute.
        found: the keys as the file has them, paths absolute.
        changed: options of the command line that gave another value than the file.
        base: the stack under every arm, and the backbone that :meth:`on` chose.
        protocol: of the study.
        own: the backbone that the study trains unless a stack chooses one; None if it comes from a file.
    """

    keys: Mapping[str, object]
    found: Mapping[str, object]
    changed: Mapping[str, object]
    base: tuple[Intervention, ...]
    protocol: Protocol
    own: Backbone | None = None

    @classmethod
    def of(cls, file: Mapping[str, object]) -> Ground | None:
        """The ground of a manifest's study file; None if it has none, or none that this version can run.

        Args:
            file: path, content and overrides.
        """
        if not file.get("content"):
            return None
        source = Path(str(file.get("path", "")))
        try:
            document = parse_yaml(str(file["content"]).encode(), str(source))
            if not isinstance(document.value, dict):
                return None
            found = absolute(cast("dict[str, object]", document.value), source.parent)
            base = read_base(document, available())
            protocol = read_part(ProtocolModel, found.get("protocol") or {})
            backbone = read_part(BackboneModel, found.get("backbone") or "per_seed")
            if backbone is None:
                return None
            own = None if backbone.checkpoint else backbone_model(document, backbone) or DEFAULT
            if document.problems or protocol is None:
                return None
            compose(AS_FOUND, base, protocol.protocol())
        except InputError:
            return None
        said = cast("Mapping[str, Any]", file.get("overrides") or {})
        known = {each.name for each in fields(Overrides)}
        overrides = Overrides(**{option: value for option, value in said.items() if option in known})
        try:
            changed = changes_alone(found, overrides)
        except ValidationError:  # of a key that this version no longer accepts
            return None
        keys = dict(found)
        for option, value in overrides.given().items():
            outer, *inner = (str(each) for each in PLACES[option])
            keys[outer] = {**cast("dict[str, object]", keys.get(outer) or {}), inner[0]: value} if inner else value
        return cls(keys=keys, found=found, changed=changed, base=base, protocol=protocol.protocol(), own=own)

    def refusal(self, stack: Sequence[Remedy]) -> str:
        """Why a stack cannot run on this base; empty if it can."""
        try:
            base = compose(AS_FOUND, self.base, self.protocol)
            recipe = compose(base, [_built(each) for each in stack], self.protocol)
        except InputError as problem:  # of a parameter, of an unknown remedy, or of the composition
            return str(problem)
        model = recipe.backbone or self.own
        return "" if model is None or model.has_blocks else without_blocks(recipe, model.name)

    def backbone_of(self, stack: Sequence[Remedy] = ()) -> str:
        """The backbone that a stack on this base chooses, as text; empty where it is the study's own.

        Raises:
            InputError: a remedy is not installed, or does not take its settings.
        """
        choices = [each for each in (*self.base, *map(_built, stack)) if isinstance(each, BackboneChoice)]
        chosen = choices[-1].chosen() if choices else self.own
        return "" if chosen is None or chosen == self.own else str(chosen)

    def allows(self, remedy: Remedy) -> bool:
        """Whether a remedy takes these settings."""
        try:
            _built(remedy)
        except InputError:
            return False
        return True

    def on(self, stack: Sequence[Remedy]) -> Ground | None:
        """The ground with a stack added to its base; members of the base that conflict with the stack are left out.

        A backbone in the stack is written as the study's own model, in place of a checkpoint.

        Returns:
            None if that base does not compose, or a remedy is not installed or does not take its settings.
        """
        try:
            added = tuple(_built(each) for each in stack)
        except InputError:
            return None
        kept: list[Intervention] = []
        for each in self.base:
            try:
                compose(AS_FOUND, [each, *added], self.protocol)
            except ConflictError:
                continue
            except CompositionError:
                pass  # another member of the base may provide what it lacks
            kept.append(each)
        base = (*kept, *added)
        try:
            compose(AS_FOUND, base, self.protocol)
        except CompositionError:
            return None
        keys = {**self.keys, "base": [_written(_remedy(each)) for each in base if not isinstance(each, BackboneChoice)]}
        for each in base:
            if isinstance(each, BackboneChoice):
                keys["backbone"] = _on_model(self.keys.get("backbone"), each)
        return replace(self, keys={key: value for key, value in keys.items() if key != "base" or value}, base=base)

    def written(self, remedy: Remedy) -> object:
        """A remedy as a study file writes it, without the parameters that are at their defaults."""
        return _written(remedy)

    def text(self, keys: Mapping[str, object], comments: Sequence[str]) -> str:
        """The text of a study file: comments, each joined into one line, then the keys."""
        return "".join(f"# {' '.join(line.split())}\n" for line in comments) + to_yaml(keys)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The base's stack."""
        return tuple(_remedy(each) for each in self.base)


def _on_model(found: object, choice: BackboneChoice) -> dict[str, object]:
    """The part ``backbone`` of a study file with this model, trained as in ``found``."""
    part = cast("dict[str, object]", found) if isinstance(found, dict) else {"trained": found}
    kept = {key: part[key] for key in ("trained", "n_sampled") if part.get(key)}
    written = _written(replace(_remedy(choice), id=choice.kind.name), type(choice).defaults())
    return {"model": written, **kept}


def _remedy(each: Intervention) -> Remedy:
    return Remedy(id=each.id, settings=cast("dict[str, float | int | str]", each.settings()))


def _built(remedy: Remedy) -> Intervention:
    kind = available().get(remedy.id)
    if kind is None:
        raise InputError(f"unknown intervention {remedy.id!r}")
    return kind.from_settings({name: _tuple(value) for name, value in remedy.settings.items()})


def _tuple(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _written(remedy: Remedy, defaults: Mapping[str, object] | None = None) -> object:
    if defaults is None:
        kind = available().get(remedy.id)
        defaults = kind.defaults() if kind else {}
    own = {name: value for name, value in remedy.settings.items() if _tuple(value) != defaults.get(name)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}
    return {remedy.id: plain} if plain else remedy.id
