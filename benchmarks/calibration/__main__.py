"""Error rates of the report's intervals, tests and verdicts, in simulated worlds with known truth.

    python -m benchmarks.calibration --repeats 20000

A world has some arms and A/A, which share base and thus its noise, over S seeds and U users.  Its mean squares, the
only input of the estimate, are drawn from their exact joint distribution (normal seed means, Wishart squares) instead
of from S x U differences.  All studies of a world are then estimated at once, by the formulas of
:mod:`harness.stats.effects`; a test compares both implementations, and the draws with plain differences.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.calibration.rates import Rates, Simultaneous, measure, powers, simultaneous, two_seeds
from benchmarks.calibration.worlds import N_ARMS, World, families, worlds


def table(rates: Sequence[Rates]) -> str:
    """A Markdown table of the report's error rates and power, in percent."""
    heads = (
        "seeds | world | false positives: worst arm | all arms | coverage, worst arm | Holm, any | equivalence | "
        "power at MDE | after correction"
    )
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    for each in rates:
        errors = (each.worst, each.mean, each.coverage, each.family, each.equivalence)
        power = (each.power_alone, each.power_corrected)
        lines.append(_line(each.world, [*errors, *power]))
    return "\n".join(lines)


def rival_table(rates: Sequence[Rates]) -> str:
    """A Markdown table of the worst arm's false positives by the report and by other methods, in percent."""
    heads = "seeds | world | report | plain | no grade | pooled cells | one seed | users averaged"
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    lines += [_line(each.world, [each.worst, *each.rivals.values()]) for each in rates]
    return "\n".join(lines)


def _line(world: World, values: Sequence[float]) -> str:
    return f"| {world.n_seeds} | {world.name} | " + " | ".join(f"{100.0 * value:.1f}" for value in values) + " |"


def power_table(n_studies: int, seed: int) -> str:
    """A Markdown table of power for an effect of .015, in percent."""
    lines = ["| seeds | seed sd | report | report, after correction | plain | no grade |", "|" + " --- |" * 6]
    for n_seeds in (3, 5, 10):
        for seed_sd in (0.0, 0.004, 0.008):
            found = powers(n_seeds, seed_sd, n_studies, seed)
            shown = (100.0 * found[name] for name in ("report", "report, corrected", "plain", "ungraded"))
            lines.append(f"| {n_seeds} | {seed_sd:g} | " + " | ".join(f"{value:.0f}" for value in shown) + " |")
    return "\n".join(lines)


def whole_studies() -> list[World]:
    """Worlds for which whole studies are drawn, user by user."""
    return [
        World(n_seeds=n_seeds, n_arms=n_arms, seed_sd=0.02, noisy_sd=0.08, n_users=200)
        for n_arms in (4, 12)
        for n_seeds in (3, 5, 10)
    ]


def simultaneous_table(found: Sequence[Simultaneous]) -> str:
    """A Markdown table of max-t intervals against Bonferroni's intervals and Holm's test, in percent."""
    heads = "seeds | arms | all intervals hold | Bonferroni's | narrower by | only the interval finds | only Holm finds"
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    for each in found:
        values = (each.coverage, each.bonferroni, each.narrower, each.only_interval, each.only_holm)
        shown = " | ".join(f"{100.0 * value:.1f}" for value in values)
        lines.append(f"| {each.world.n_seeds} | {each.world.n_arms} | {shown} |")
    return "\n".join(lines)


def two_seed_table(n_studies: int, seed: int) -> str:
    """A Markdown table of interval coverage with two seeds, in percent."""
    lines = ["| world | first arm | other arms |", "|" + " --- |" * 3]
    for world in worlds((2,)):
        first, others = two_seeds(world, n_studies, seed)
        lines.append(f"| {world.name} | {100.0 * first:.1f} | {100.0 * others:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20_000, help="studies a world")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one line of JSON a world instead of the tables")
    chosen = parser.parse_args()
    rates = [measure(world, chosen.repeats, chosen.seed) for world in [*worlds(), *families()]]
    if chosen.json:
        for each in rates:
            print(json.dumps(asdict(each)))
        return
    print(table(rates[: len(worlds())]), end="\n\n")
    print(table(rates[len(worlds()) :]), end="\n\n")
    print(rival_table([each for each in rates if each.world.n_arms == N_ARMS]), end="\n\n")
    print(power_table(chosen.repeats, chosen.seed), end="\n\n")
    print(two_seed_table(chosen.repeats, chosen.seed), end="\n\n")
    print(simultaneous_table([simultaneous(world, chosen.repeats // 50, chosen.seed) for world in whole_studies()]))


if __name__ == "__main__":
    main()
