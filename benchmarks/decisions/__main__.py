"""The cost of a decision, in simulated worlds with known truth.

    python -m benchmarks.decisions                                      # looks against a fixed number of seeds
    python -m benchmarks.decisions --repeats 400 --arms 8               # quicker
    python -m benchmarks.decisions --study runs/kl_direction            # and the price of a decision
    python -m benchmarks.decisions --price-only --components FILE.json

Three tables: (1) power and cells of studies with ``replicates: {start: 3, most: 10}``, and of a fixed number of seeds
with as many cells, where 1% of base has its size with one and with ten targets per user; (2) their errors; (3) errors
of fixed studies that are extended until an effect is found.

With ``--study``, a fourth table: the price of a decision in CPU seconds, to resolve a true effect of 2% of base at 80%
power and to call idle arms equivalent within 1%, for the first edition (one target per user, a fixed number of seeds,
its moderation) and for the current one.  Components and costs are read from a study that has run.  ``--shrink`` is the
standard error with ten targets per user divided by that with one; it converts components between the two.  If no number
of seeds resolves an effect with one target per user, because users differ too much, the first edition has no price;
``--effect 0.05`` tests a larger effect.  The cost of a backbone is read from its file and multiplied by its threads,
unless ``--backbone-seconds`` is given.
``--components`` takes a JSON file with the fields of ``benchmarks.decisions.price.Components`` instead of a study;
``--write FILE`` saves the components that were read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.decisions.looking import MOST, SESOIS, SIZES, START, Compared, Errors, compare, errors, extended
from benchmarks.decisions.price import EFFECT, SESOI, components_of, price_table, read_components
from benchmarks.decisions.worlds import World

EXTENDED: tuple[tuple[int, ...], ...] = ((3,), (3, 5), (3, 5, 10), tuple(range(3, 11)))


def power_table(found: Sequence[Compared]) -> str:
    """A Markdown table of power and cells."""
    heads = (
        "arms | effect | worth having | cells with looks | seeds for as many | power with looks | "
        f"fixed, as many cells | fixed, {MOST} seeds | its cells"
    )
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    for each in found:
        powers = " | ".join(f"{100 * power:.0f}" for power in (each.power, each.power_fixed, each.power_most))
        full = MOST * (each.n_arms + 2)
        lines.append(
            f"| {each.n_arms} | {each.size:g} se | {each.sesoi:g} se | {each.n_cells:.0f} | {each.n_seeds:.1f} | "
            f"{powers} | {full} |"
        )
    return "\n".join(lines)


def error_table(found: Sequence[Errors]) -> str:
    """A Markdown table of errors, in percent."""
    heads = (
        f"arms | world | family, with looks | family, all {MOST} seeds | found by looks alone | equivalence, worst | "
        "of it: at a look"
    )
    lines = [f"| {heads} |", "|" + " --- |" * len(heads.split("|"))]
    for each in found:
        values = (each.family, each.family_fixed, each.more_found, each.equivalence, each.stopped)
        shown = " | ".join(f"{100 * value:.1f}" for value in values)
        lines.append(f"| {each.world.n_arms} | {name_of(each.world)} | {shown} |")
    return "\n".join(lines)


def name_of(world: World) -> str:
    """The noise of a world in words."""
    said = f"seed sd {world.seed_sd:g}" if world.seed_sd else "no seed variance"
    return said if world.noisy_sd is None else f"{said}, one arm {world.noisy_sd:g}"


def worlds(n_arms: int) -> list[World]:
    """The worlds of the table of errors."""
    kinds = ((0.0, None), (0.008, None), (0.0, 0.02), (0.004, 0.02))
    return [World(effects=(0.0,) * n_arms, seed_sd=seed_sd, noisy_sd=noisy) for seed_sd, noisy in kinds]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000, help="studies of a world")
    parser.add_argument("--arms", type=int, nargs="*", default=[8, 12, 38])
    parser.add_argument(
        "--sizes", type=float, nargs="*", default=[3.0, 4.0], help="effects in standard errors of 5 seeds"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", type=Path, help="folder of a study that has run, such as runs/kl_direction")
    parser.add_argument("--components", type=Path, help="JSON instead of a study")
    parser.add_argument("--write", type=Path, help="where the components that were read are kept")
    parser.add_argument("--price-only", action="store_true", help="leave the other tables out")
    parser.add_argument("--price-arms", type=int, default=8)
    parser.add_argument("--effect", type=float, default=EFFECT, help="to resolve, as a fraction of base")
    parser.add_argument("--sesoi", type=float, default=SESOI, help="idle arms are to lie within it, likewise")
    parser.add_argument("--shrink", type=float, default=0.35, help="standard error with ten targets over that with one")
    parser.add_argument("--backbone-seconds", type=float, help="CPU seconds of a backbone")
    chosen = parser.parse_args()
    if not chosen.price_only:
        given = {"n_studies": chosen.repeats, "seed": chosen.seed}
        cases = [(n, size, sesoi) for n in chosen.arms for size in chosen.sizes for sesoi in SESOIS.values()]
        print(power_table([compare(n, size, sesoi=sesoi, **given) for n, size, sesoi in cases]), flush=True)
        print()
        found = [errors(world, chosen.repeats, chosen.seed) for n_arms in chosen.arms for world in worlds(n_arms)]
        print(f"Equivalence at the worst of {', '.join(f'{size:g}' for size in SIZES)} standard errors of 5 seeds.\n")
        print(error_table(found), flush=True)
        print(f"\n| arms | world | read after so many seeds | a find, of studies without effect |\n|{' --- |' * 4}")
        for world, ends in ((world, ends) for n in chosen.arms for world in worlds(n)[:2] for ends in EXTENDED):
            share = 100 * extended(world, ends, chosen.repeats, chosen.seed)
            print(f"| {world.n_arms} | {name_of(world)} | {', '.join(map(str, ends))} | {share:.1f} |", flush=True)
        print()
    if chosen.components is not None:
        components = read_components(chosen.components)
    elif chosen.study is not None:
        components = components_of(chosen.study, backbone=chosen.backbone_seconds, shrink=chosen.shrink)
    else:
        return
    if chosen.write is not None:
        chosen.write.write_text(json.dumps(asdict(components), indent=1) + "\n", encoding="utf-8")
    print(json.dumps(asdict(components)))
    print(f"start {START} where there are looks\n")
    sizes = {"effect": chosen.effect, "sesoi": chosen.sesoi}
    print(price_table(components, n_arms=chosen.price_arms, n_studies=chosen.repeats, seed=chosen.seed, **sizes))


if __name__ == "__main__":
    main()
