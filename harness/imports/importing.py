"""Converts a RecBole checkpoint to a backbone file, matching its items with a data set by their ids."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.backbones.packed.backbone import PackedBackbone
from harness.data.formats.base import GUESSED, Columns
from harness.data.formats.recbole import RecBole
from harness.data.interactions import Interactions
from harness.data.sources import DataSpec, load
from harness.data.text import read_content, unpacked
from harness.errors import InputError
from harness.imports.agreement import Agreement, Mismatch, agreement
from harness.imports.recbole import read_recbole
from harness.imports.recbole_items import RecBoleFilter, recbole_filter, recbole_items
from harness.imports.recbole_model import NOTHING, RecBoleCheckpoint, Told

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of an import.

    Attributes:
        written: the backbone file that was written.
        checkpoint: the checkpoint that was read.
        spec: the backbone's specification.
        n_items: number of items matched by id.
        data: the data set's name.
        agreement: the validation score computed here and RecBole's own.
    """

    written: Path
    checkpoint: RecBoleCheckpoint
    spec: PackedBackbone
    n_items: int
    data: str
    agreement: Agreement

    def lines(self) -> list[str]:
        """Return a description of the import, in lines."""
        found, settings = self.checkpoint, self.checkpoint.settings
        epoch = f"{found.epoch} of RecBole's training" if found.epoch else "unknown, since the file does not tell it"
        sizes = ", ".join(f"{name} {getattr(self.spec, name)}" for name in found.model.sizes)
        prefix = found.prefix
        return [
            f"{found.architecture or found.model.title}, epoch {epoch}: {sizes}",
            f"{self.n_items} items matched by id with {self.data}",
            self.agreement.line(),
            *([f"the prefix {prefix} was taken off the names of its parameters"] if prefix else []),
            *(
                f"taken for granted, since the file does not tell: {each}"
                for each in found.model.assumed
                if not settings
            ),
        ]


def import_recbole(
    path: Path,
    data_spec: DataSpec,
    out: Path,
    *,
    inter: Path | None = None,
    columns: Columns | None = None,
    told: Told = NOTHING,
    mismatch: Mismatch = Mismatch.REFUSED,
    data_dir: Path | None = None,
) -> Imported:
    """Read a checkpoint, match its items with a data set, and write a backbone file.

    The model is scored on the validation set, never on the test set.

    Args:
        path: the checkpoint.
        data_spec: the data set of the studies that will use the backbone.
        out: the file to write; it must not exist.
        inter: RecBole's own ``.inter`` file, if ``data_spec`` is another file with the same interactions.
        columns: columns of the ``.inter`` file; None: those of ``data_spec``.
        told: settings given by the user because the checkpoint lacks them.
        mismatch: how to treat an import whose score differs grossly from RecBole's own.
        data_dir: the folder of named data sets.

    Raises:
        InputError: the checkpoint cannot be read, or does not match the data.
        harness.errors.EnvironmentProblem: the data cannot be fetched, or the file cannot be written.
    """
    if out.exists():
        raise InputError(f"{out} exists already; give another --out, or delete it first")
    found = read_recbole(path)
    spec = found.spec(told)
    data = load(data_spec, data_dir)
    if inter is None and data_spec.file_format() is not RecBole:
        raise InputError(
            f"RecBole numbers items by their order in its .inter file, and {data_spec.source} is not one; give the "
            ".inter file that the model was trained on with --inter"
        )
    file = inter or data_spec.file(data_dir)
    rows = _item_rows(found, data, data_spec, file, columns or data_spec.columns)
    return _written(found, spec, data, rows, out, mismatch)


def _item_rows(found: RecBoleCheckpoint, data: Interactions, spec: DataSpec, inter: Path, columns: Columns) -> Rows:
    """Return RecBole's number of each of our items, ``(n_items,)``.

    Raises:
        InputError: the checkpoint, RecBole's file and the data do not have the same items.
    """
    trained: list[str] = []
    for option, key in (("user", "USER_ID_FIELD"), ("item", "ITEM_ID_FIELD"), ("time", "TIME_FIELD")):
        name = getattr(columns, option)
        theirs = found.settings.get(key, name)
        if name == GUESSED and isinstance(theirs, str):
            columns = replace(columns, **{option: theirs})
            trained.append(f"{key} {theirs!r}")
        elif theirs != name:
            raise found.problem(
                f"it was trained with {key} {theirs!r}, and the column here is {name}; give --{option}-column"
            )
    least = f"[{spec.min_interactions},inf)"
    kept = recbole_filter(found.settings) if found.settings else RecBoleFilter(least, least)
    try:
        events = RecBole().read(unpacked(read_content(inter), inter), inter, columns)
    except InputError as problem:
        raise (
            found.problem(f"it was trained with {', '.join(trained)}, and {problem}") if trained else problem
        ) from None
    ids = recbole_items(events, kept)
    numbers = {label: number for number, label in enumerate(ids, start=1)}
    ours = data.item_labels[1:].tolist()
    if found.n_items != len(ids) or set(numbers) != set(ours):
        only_here = len(set(ours) - set(numbers))
        raise found.problem(
            f"the checkpoint has {found.n_items} items, its .inter file {len(ids)} after RecBole's filter "
            f"({kept if found.settings else 'not in the file, taken to be that of the data'}), the data {data.name} "
            f"{len(ours)}, of which {only_here} are not among RecBole's; give the same file with the same filter: "
            "--min-interactions here against user_inter_num_interval and item_inter_num_interval there "
            "(min_user_inter_num, min_item_inter_num before RecBole 1.0)"
        )
    return np.array([numbers[label] for label in ours], dtype=np.int64)


def _written(
    found: RecBoleCheckpoint, spec: PackedBackbone, data: Interactions, rows: Rows, out: Path, mismatch: Mismatch
) -> Imported:
    """Build our encoder with the parameters, score it on the validation set, and write it.

    Raises:
        InputError: the score differs grossly from RecBole's, and ``mismatch`` refuses that.
    """
    import torch

    from harness.backbones.base import TrainedBackbone
    from harness.backbones.training import save_backbone

    model = spec.build(data.n_items)
    model.load_state_dict({name: torch.as_tensor(numbers.copy()) for name, numbers in found.tensors(rows).items()})
    tried = agreement(found, model, data)
    if tried.is_gross and mismatch is Mismatch.REFUSED:
        raise found.problem(tried.problem())
    provenance = {
        "origin": "RecBole",
        "architecture": found.architecture,
        "epoch": str(found.epoch or ""),
        "source": found.path.name,
        "source_sha256": found.sha256,
        "data": data.name,
        "fingerprint": data.fingerprint(),
        **({"mismatch": tried.line()} if tried.is_gross else {}),
    }
    backbone = TrainedBackbone(
        model=model,
        spec=spec,
        key=hashlib.sha256(json.dumps(provenance, sort_keys=True).encode()).hexdigest()[:20],
        chosen_epoch=found.epoch or 0,
        history=(),
        seconds=0.0,
        provenance=provenance,
    )
    save_backbone(backbone, out)
    return Imported(
        written=out,
        checkpoint=found,
        spec=spec,
        n_items=data.n_items,
        data=data.name,
        agreement=tried,
    )
