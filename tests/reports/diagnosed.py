"""Evidence for synthetic studies: hand-made diagnoses beside their records, as a run would leave them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.results.evidence import Diagnosis, Entry, Level
from harness.results.folder import StudyFolder
from reports.sections.report import Row

MEASURED = ("gain", "gain_error", "shuffled", "test", "test_error", "setting")
MIXED: Mapping[str, tuple[float, ...]] = {
    "dense_linear": (-0.005, 0.0038, 0.0015, 0.0004, 0.002, 0.1),
    "dense_calibrated": (-0.0086, 0.0045, 0.0004, 0.0011, 0.0018, 0.05),
    "dense_product": (-0.0038, 0.0051, 0.0032, -0.0027, 0.0043, 0.5),
    "overlap_linear": (0.0113, 0.0042, -0.036, 0.0239, 0.0055, 0.7),
    "overlap_calibrated": (0.0135, 0.0047, -0.0094, 0.0174, 0.0039, 0.3),
    "overlap_product": (0.0177, 0.0045, -0.0175, 0.0268, 0.0056, 2.5),
    "both_product": (0.0038, 0.0052, 0.003, 0.0057, 0.0044, 0.5),
}
"""What is measured of each way of mixing."""

AS_FOUND: Mapping[str, float] = {
    "kl.p_ret_entropy": 0.745,
    "kl.p_rec_entropy": 0.9999,
    "kl.divergence": 0.41,
    "kl.new_information": 0.0137,
    "kl.imitation": 0.126,
    "training.valid": 0.0396,
    "training.last_slope": -0.0002,
    "training.best_epoch_is_last": 0.0,
    "training.hit_rate_start": 0.0273,
    "training.hit_rate": 0.0234,
    "training.hit_rate_error": 0.01,
    "loss.weight.recommendation": 1.0,
    "loss.weight.enhanced": 0.5,
    "loss.weight.alignment": 0.03,
    "loss.gradient.recommendation.retriever": 0.0,
    "loss.gradient.enhanced.retriever": 0.0,
    "loss.gradient.alignment.retriever": 0.02496,
    "loss.share.recommendation.retriever": 0.0,
    "loss.share.enhanced.retriever": 0.0,
    "loss.share.alignment.retriever": 1.0,
    "loss.cosine.enhanced.alignment": float("nan"),
    "loss.value.alignment": 0.41,
    "temperature.logit_range": 89.3,
    "temperature.effective_neighbours": 1.105,
    "temperature.effective_neighbours.at_0.07": 1.105,
    "temperature.effective_neighbours.at_0.2": 1.369,
    "fusion.knowledge_to_sequence": 0.0373,
    "fusion.angle_degrees": 0.318,
    "fusion.top10_replaced": 0.0084,
    "index.staleness": 0.92,
    "index.refresh_moves": 0.0,
    "index.hit_rate": 0.0234,
    "index.below_threshold": 0.0,
    "index.distinct_targets": 4.93,
    "index.popularity_lift": 0.912,
    "index.popularity_lift_error": 0.018,
    "index.distinct_overall": 867.0,
    "index.distinct_by_chance": 845.0,
    "retriever.query_to_sequence": 0.743,
    "retriever.hit_rate_train": 0.0195,
    "retriever.hit_rate_gap": -0.0039,
    "retriever.backbone_drift": 0.0,
    "evaluation.train_eval_overlap": 0.104,
    "evaluation.valid_on": 0.0396,
    "evaluation.valid_off": 0.0391,
    "evaluation.first_off": 0.0391,
    "history.top10_seen": 0.31,
    "history.targets_seen": 0.0,
    "history.all_items": 0.0396,
    "history.unseen_items": 0.0402,
    "history.gain_error": 0.0021,
    "search.recall": 0.994,
    "scope.dropped": 0.049,
    "scope.dropped_of_useful": 0.0,
    "scope.hit_rate_kept": 0.0273,
    "scope.hit_rate_all": 0.0273,
    "scope.future": 0.432,
    "scope.with_future": 0.0487,
    "scope.without_future": 0.0475,
    "scope.without_others": 0.0478,
    "scope.future_error": 0.0002,
    "head_room.off": 0.0544,
    "head_room.on": 0.0533,
    "head_room.oracle_alpha": 0.1000,
    "head_room.oracle_alpha_shuffled": 0.0869,
    "head_room.oracle_alpha_error": 0.003,
    "head_room.best_common_alpha": 0.3,
    "head_room.best_common": 0.0628,
    "head_room.oracle_switch": 0.0544,
    "head_room.oracle_switch_shuffled": 0.0551,
    "head_room.interpolation_valid": 0.0741,
    "head_room.interpolation_valid_shuffled": 0.0101,
    "head_room.interpolation_gain_error": 0.004,
    "head_room.unseen": 0.0549,
    "head_room.interpolation_unseen": 0.0746,
    "head_room.interpolation_l": 0.7,
    "head_room.interpolation_k": 200.0,
    "head_room.interpolation_tau": 0.05,
    "head_room.interpolation_new": 0.0,
    "head_room.off_test": 0.0551,
    "head_room.interpolation_test": 0.0796,
    "head_room.interpolation_test_shuffled": 0.0213,
    "head_room.hit_rate_by_sequence": 0.0273,
    "mixing.off": 0.0605,
    "mixing.off_test": 0.0566,
    "mixing.queries": 943.0,
    "mixing.best": 0.0177,
    "mixing.best_error": 0.0045,
    "mixing.best_by_luck": 0.0022,
    "mixing.lead": 0.0227,
    "mixing.lead_error": 0.0056,
    **{
        f"mixing.{figure}.{way}": value
        for way, row in MIXED.items()
        for figure, value in zip(MEASURED, row, strict=True)
    },
    "overlap.lead": 0.0177,
    "overlap.lead_error": 0.0045,
    "overlap.hit_rate": 0.2715,
    "overlap.hit_rate_dense": 0.2577,
    "overlap.hit_rate_union": 0.2725,
    "overlap.hit_rate_union_error": 0.0136,
    "overlap.with_neighbours": 1.0,
    "calibration.temperature": 1.2137,
    "calibration.likelihood": -5.8852,
    "calibration.likelihood_fitted": -5.8498,
    "calibration.likelihood_train": -5.6469,
    "calibration.gain_dense": -0.0035,
    "calibration.gain_dense_error": 0.0023,
    "calibration.gain_overlap": 0.0023,
    "calibration.gain_overlap_error": 0.0017,
    "calibration.asked_backbone": 943.0,
    "calibration.confidence_backbone": 0.0273,
    "calibration.confidence_backbone_error": 0.0005,
    "calibration.accuracy_backbone": 0.0127,
    "calibration.asked_neighbours": 943.0,
    "calibration.confidence_neighbours": 0.0566,
    "calibration.confidence_neighbours_error": 0.0005,
    "calibration.accuracy_neighbours": 0.0127,
}
"""What a short run of FTragrec as found shows on ml-100k, rounded, with an interpolation that wins."""

HEALTHY: Mapping[str, float] = {
    **AS_FOUND,
    "kl.p_rec_entropy": 0.8,
    "loss.gradient.enhanced.retriever": 0.03,
    "loss.share.enhanced.retriever": 0.54,
    "loss.share.alignment.retriever": 0.46,
    "loss.cosine.enhanced.alignment": 0.2,
    "temperature.effective_neighbours": 3.2,
    "temperature.effective_neighbours.at_0.2": 4.1,
    "fusion.knowledge_to_sequence": 1.0,
    "fusion.top10_replaced": 0.3,
    "index.staleness": 1.0,
    "index.refresh_moves": 0.02,
    "index.hit_rate": 0.2,
    "retriever.hit_rate_train": 0.2,
    "retriever.hit_rate_gap": 0.0,
    "evaluation.train_eval_overlap": 0.9,
    "head_room.oracle_alpha": 0.12,
    "head_room.oracle_alpha_shuffled": 0.0869,
    "head_room.interpolation_valid": 0.0545,
    "head_room.best_common": 0.0545,
    "mixing.best": 0.0004,
    "mixing.gain.overlap_product": 0.0004,
    "mixing.gain.overlap_calibrated": 0.0002,
    "overlap.lead": -0.0004,
    "overlap.lead_error": 0.0005,
    "calibration.gain_overlap": -0.0002,
    "calibration.gain_overlap_error": 0.0005,
    "calibration.gain_dense_error": 0.0005,
    "calibration.accuracy_backbone": 0.0273,
    "calibration.accuracy_neighbours": 0.0566,
}
"""The same without an issue, but for what a mixture by user could win."""

BEFORE: Mapping[str, float] = {
    "index.staleness": 1.0,
    "retriever.query_to_sequence": 0.9995,
    "temperature.effective_neighbours": 1.4,
    "training.valid": float("nan"),
    "training.last_slope": float("nan"),
    "training.best_epoch_is_last": float("nan"),
    "evaluation.valid_on": float("nan"),
}
"""What differs before training."""

N_EPOCHS = 2

LATER_ONLY = (
    "head_room.",
    "mixing.",
    "overlap.",
    "calibration.",
    "scope.",
    "search.",
    "evaluation.train_eval_overlap",
)
"""Figures that a light diagnosis measures before training alone."""


def diary(figures: Mapping[str, float], *, shift: float = 0.0, n_epochs: int = N_EPOCHS) -> tuple[Entry, ...]:
    """A run's entries: the figures at the last epoch, less of them on the way, those that are dear at the start."""
    start = {name: value + (shift if value else 0.0) for name, value in {**figures, **BEFORE}.items()}
    entries = [Entry(epoch=0, figures=start)]
    for epoch in range(1, n_epochs + 1):
        part = epoch / n_epochs
        entries.append(
            Entry(
                epoch=epoch,
                figures={
                    name: (value + shift if value else value) * (0.9 + 0.1 * part)
                    for name, value in figures.items()
                    if not name.startswith(LATER_ONLY)
                },
            )
        )
    return tuple(entries)


def diagnose(
    folder: StudyFolder,
    rows: Mapping[str, Mapping[str, float]],
    *,
    replicates: Mapping[str, Sequence[int]] | None = None,
    problems: Mapping[str, str] | None = None,
    mute: Mapping[str, str] | None = None,
    chosen_epochs: Mapping[str, int] | None = None,
    level: Level = Level.LIGHT,
) -> StudyFolder:
    """Write a diagnosis beside runs of a study.

    Args:
        rows: name -> figures at the last epoch; replicate n has them larger by n thousandths, zeros apart; 1000 like 0.
        replicates: which runs of a row; base in all of its runs and others in the first, where left out.
        chosen_epochs: name -> epoch of the checkpoint; the last, where left out.
        problems: name -> why measuring failed there, before the first entry.
    """
    manifest = folder.manifest()
    changed = []
    for row in manifest.rows:
        figures = rows.get(row.name)
        if figures is None:
            changed.append(row)
            continue
        every = tuple(row.keys) or manifest.replicates
        chosen = (replicates or {}).get(row.name, every if row.name == "base" else every[:1])
        keys: dict[int, str] = {}
        for number in chosen:
            problem = (problems or {}).get(row.name, "")
            keys[number] = f"d{manifest.rows.index(row):03x}{number:04x}"
            folder.diagnoses.write(
                Diagnosis(
                    key=keys[number],
                    run=row.keys.get(number, ""),
                    chosen_epoch=(chosen_epochs or {}).get(row.name, N_EPOCHS),
                    level=level,
                    entries=() if problem else diary(figures, shift=0.001 * (number % 1000)),
                    seconds=6.2,
                    problem=problem,
                )
            )
        changed.append(replace(row, diagnoses=keys))
    folder.write_manifest(
        replace(manifest, rows=tuple(changed), diagnostics={"level": level.value, "mute": dict(mute or {})})
    )
    return folder


def measured(folder: StudyFolder, row: str, name: str, replicates: Sequence[int] = (0,)) -> float | None:
    """Mean over a row's replicates of a figure at the last entry up to the chosen epoch that has it, read by hand."""
    found: list[float] = []
    keys = next(each for each in folder.manifest().rows if each.name == row).diagnoses
    for key in (keys[number] for number in replicates if number in keys):
        body = folder.diagnoses.path(key).read_bytes().split(b"\n", 2)[2]
        read = json.loads(body)
        looks = [entry for entry in read["entries"] if entry["epoch"] <= read["chosen_epoch"] or "training." in name]
        values = [entry["figures"][name] for entry in looks if name in entry["figures"]]
        if values and not math.isnan(values[-1]):
            found.append(values[-1])
    return sum(found) / len(found) if found else None


def row_of(verdict: str, effect: float | None = 0.01, *, negligible: bool = False, name: str = "a") -> Row:
    return Row(
        name=name,
        kind="arm",
        arm=name,
        remedies=("kl.reverse",),
        titles=("",),
        family="kl",
        priority="H",
        replaces=(),
        verdict=verdict,
        verdict_text=verdict,
        effect=effect,
        adjusted=None if effect is None else (effect - 0.1, effect + 0.1),
        negligible=negligible,
    )
