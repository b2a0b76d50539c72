"""Keys that newcomers write because other programs have them, and what a study file has in their place."""

from __future__ import annotations

from collections.abc import Mapping

from harness.study.mistakes import Path

_REPLICATES = "replicates: 3  (the number of seeds; seed: 0 is the first)"
_EPOCHS = "budget: {epochs: 10}"
_METRIC = "primary: ndcg@10  (it ranks the arms; the report has every metric)"
_DATA = "data: ml-100k  or  data: {path: FILE}"
_MODEL = "backbone: {model: NAME}, or {checkpoint: FILE} for a trained one"
_RATE = "base: {training.discriminative_lr: {retriever: 0.001}}  or the same in an arm"
_ARMS = "arms: {NAME: REMEDY}  (ftr-study list interventions)"
_BASE = "base: REMEDY  for what every arm has; every arm is compared with base"
_DEVICE = "device: cuda"
_FIXED = "remove it, the batch size is fixed"

_TOP: Mapping[str, str] = {
    **dict.fromkeys(("seeds", "n_seeds", "num_seeds", "runs", "repeats", "repetitions", "n_runs"), _REPLICATES),
    "random_seed": "seed: 0",
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "max_epochs"), _EPOCHS),
    **dict.fromkeys(("patience", "early_stopping"), "budget: {patience: 5}"),
    **dict.fromkeys(("metric", "metrics", "primary_metric", "objective", "valid_metric"), _METRIC),
    **dict.fromkeys(("dataset", "datasets", "data_path", "path", "file"), _DATA),
    "format": "data: {path: FILE, format: FORMAT}",
    "columns": "data: {path: FILE, columns: {user: NAME, item: NAME, time: NAME}}",
    "min_interactions": "data: {name: ml-100k, min_interactions: 5}",
    **dict.fromkeys(("model", "models"), _MODEL),
    "checkpoint_file": "backbone: {checkpoint: FILE}",
    **dict.fromkeys(("lr", "learning_rate"), _RATE),
    **dict.fromkeys(("baseline", "control", "reference"), _BASE),
    **dict.fromkeys(("interventions", "remedies", "arm", "treatments", "variants", "experiments", "ablations"), _ARMS),
    **dict.fromkeys(("gpu", "cuda", "use_gpu"), _DEVICE),
    "batch_size": _FIXED,
    **dict.fromkeys(("title", "study", "study_name"), "name: NAME"),
    **dict.fromkeys(("description", "hypothesis"), "question: TEXT"),
    **dict.fromkeys(("min_effect", "threshold", "margin"), "sesoi: 0.01  (a fraction of base's primary metric)"),
    **dict.fromkeys(("diagnosis", "evidence", "probes"), "diagnostics: light"),
    **dict.fromkeys(("trials", "n_trials"), "mode: search  and  search: {trials: 20}"),
    **dict.fromkeys(("workers", "jobs", "n_jobs"), "ftr-study run STUDY --workers 4"),
    **dict.fromkeys(("out", "output", "output_dir"), "ftr-study run STUDY --out FOLDER"),
}

_INSIDE: Mapping[str, Mapping[str, str]] = {
    "budget": {
        **dict.fromkeys(("max_epochs", "n_epochs", "num_epochs"), "epochs: 10"),
        **dict.fromkeys(("early_stopping", "early_stop"), "patience: 5"),
    },
    "data": {
        **dict.fromkeys(("file", "filename", "file_path"), "path: FILE"),
        **dict.fromkeys(("dataset", "set"), "name: ml-100k"),
        **dict.fromkeys(("user", "item", "time"), "columns: {user: NAME, item: NAME, time: NAME}"),
        **dict.fromkeys(("k_core", "core", "min_count"), "min_interactions: 5"),
        **dict.fromkeys(("separator", "delimiter"), "sep: ','"),
    },
}
"""Keys inside a part of the file."""


def meant(path: Path) -> str:
    """What to write in place of the unknown key at this path; empty if its meaning is not known.

    >>> meant(("epochs",)), meant(("data", "file")), meant(("arms", "epochs"))
    ('write  budget: {epochs: 10}', 'write  path: FILE', '')
    """
    match path:
        case (str(key),):
            guess = _TOP.get(key.lower(), "")
        case (str(part), str(key)):
            guess = _INSIDE.get(part, {}).get(key.lower(), "")
        case _:
            guess = ""
    return f"write  {guess}" if guess not in ("", _FIXED) else guess
