"""Mistakes that people make in a study file, each with its code and its place; ``golden/mistakes.md`` has the answers.

After a change of the wording: ``python -m tests.study.mistakes`` writes that page anew; read its difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.modes.planning import make_plan
from harness.study.mistakes import Problem
from harness.study.study import Overrides, StudyFileError, load_study
from tests.study.conftest import EVERYTHING

PAGE = Path(__file__).parent / "golden" / "mistakes.md"

HEAD = "name: s\ndata: ml-100k\n"
SEARCHED = f"{HEAD}mode: search\n"

Section = Mapping[str, tuple[str | bytes, str, str]]
"""Name of a mistake -> what is written, the code, the path."""

ARMS: Section = {
    "a misspelt id": ("reverse: kl.revers", "unknown_intervention", "arms.reverse"),
    "a misspelt id with parameters": ("w: {kl.wieght: {weight: 1}}", "unknown_intervention", "arms.w.kl.wieght"),
    "an id of no family": ("w: bigger", "unknown_intervention", "arms.w"),
    "a misspelt parameter": ("w: {kl.weight: {wieght: .1}}", "unknown_parameter", "arms.w.kl.weight.wieght"),
    "a parameter too many": ("r: {kl.reverse: {weight: .1}}", "unknown_parameter", "arms.r.kl.reverse.weight"),
    "text for a number": ("w: {kl.weight: {weight: small}}", "not_allowed", "arms.w.kl.weight.weight"),
    "a quoted number": ("w: {kl.weight: {weight: '0.1'}}", "not_allowed", "arms.w.kl.weight.weight"),
    "one bad value of a grid": ("w: {kl.weight: {weight: [0, -1]}}", "not_allowed", "arms.w.kl.weight.weight[1]"),
    "a misspelt choice": ("j: {kl.symmetric: {form: jefreys}}", "not_allowed", "arms.j.kl.symmetric.form"),
    "true for a number": ("w: {kl.weight: {weight: true}}", "not_allowed", "arms.w.kl.weight.weight"),
    "a fraction for a whole number": ("m: {fake.many: {steps: 1.5}}", "not_allowed", "arms.m.fake.many.steps"),
    "a word for a switch": ("m: {fake.many: {warm: yes}}", "not_allowed", "arms.m.fake.many.warm"),
    "a comma for a point": ("w: {kl.weight: {weight: '0,1'}}", "not_allowed", "arms.w.kl.weight.weight"),
    "a parameter without its value": ("w: {kl.weight: {weight: }}", "not_allowed", "arms.w.kl.weight.weight"),
    "not a number": ("w: {kl.weight: {weight: .inf}}", "not_allowed", "arms.w.kl.weight.weight"),
    "an empty grid": ("w: {kl.weight: {weight: []}}", "empty_list", "arms.w.kl.weight.weight"),
    "a list in a list": ("w: {kl.weight: {weight: [[0, 1]]}}", "not_allowed", "arms.w.kl.weight.weight[0]"),
    "a sequence out of order": ("s: {fake.shape: {edges: [5, 2]}}", "not_allowed", "arms.s.fake.shape.edges"),
    "a number for a sequence": ("s: {fake.shape: {edges: 5}}", "not_allowed", "arms.s.fake.shape.edges"),
    "an empty sequence": ("s: {fake.shape: {edges: []}}", "not_allowed", "arms.s.fake.shape.edges"),
    "a sequence beyond its bounds": ("s: {fake.shape: {edges: [2, 51]}}", "not_allowed", "arms.s.fake.shape.edges"),
    "a fraction in a sequence": ("s: {fake.shape: {edges: [2, 5.5]}}", "not_allowed", "arms.s.fake.shape.edges"),
    "one bad sequence of a grid": (
        "s: {fake.shape: {edges: [[2, 5], [2, 2]]}}",
        "not_allowed",
        "arms.s.fake.shape.edges[1]",
    ),
    "a space in a span": ("s: {fake.shape: {until: 3 ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "a span without its number": ("s: {fake.shape: {until: ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "a span in whole words": ("s: {fake.shape: {until: 3epochs}}", "not_allowed", "arms.s.fake.shape.until"),
    "a span below nothing": ("s: {fake.shape: {until: -1ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "a span of no epoch": ("s: {fake.shape: {until: 0ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "half an epoch": ("s: {fake.shape: {until: 1.5ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "epochs without their unit": ("s: {fake.shape: {until: 3}}", "not_allowed", "arms.s.fake.shape.until"),
    "a span without end": ("s: {fake.shape: {until: 99999ep}}", "not_allowed", "arms.s.fake.shape.until"),
    "a word that is no span": ("s: {fake.shape: {start: nevr}}", "not_allowed", "arms.s.fake.shape.start"),
    "a number that is no choice": ("s: {fake.shape: {heads: 3}}", "not_allowed", "arms.s.fake.shape.heads"),
    "true for a choice of numbers": ("s: {fake.shape: {heads: true}}", "not_allowed", "arms.s.fake.shape.heads"),
    "parameters without their name": ("w: {kl.weight: 0.1}", "no_mapping", "arms.w.kl.weight"),
    "two keys for a stack": ("x: {kl.reverse: {}, kl.weight: {weight: .1}}", "several_keys", "arms.x"),
    "a stack as text": ("x: kl.reverse, kl.weight", "unknown_intervention", "arms.x"),
    "a remedy twice in a stack": ("x: [kl.reverse, {kl.reverse: {}}]", "remedy_twice", "arms.x[1]"),
    "an empty stack": ("x: []", "empty_stack", "arms.x"),
    "an arm without a remedy": ("x:", "no_intervention", "arms.x"),
    "a number for a remedy": ("x: 3", "no_intervention", "arms.x"),
    "a stack in a stack": ("x: [[kl.reverse]]", "no_intervention", "arms.x[0]"),
    "the name base": ("base: kl.reverse", "reserved", "arms.base"),
    "the name A/A": ("A/A: kl.reverse", "reserved", "arms.A/A"),
    "a name with brackets": ("'w[weight=1]': kl.weight", "arm_name", "arms.w[weight=1]"),
    "an empty name": ("'': kl.reverse", "arm_name", "arms.''"),
    "an arm given twice": ("a: kl.reverse\n  a: kl.weight", "given_twice", "arms.a"),
    "two arms alike": ("a: kl.weight\n  b: {kl.weight: {weight: [1, 0.01]}}", "same_arm", "arms.b"),
    "two arms alike in another order": (
        "a: [kl.weight, kl.reverse]\n  b: [kl.reverse, kl.weight]",
        "same_arm",
        "arms.b",
    ),
    "a value given twice in a grid": ("a: {kl.weight: {weight: [1, 1.0]}}", "same_arm", "arms.a"),
    "a grid without end": (
        f"a: {{fake.many: {{weight: {[i / 1000 for i in range(500)]}, steps: [1, 2, 3]}}}}",
        "too_many",
        "arms.a",
    ),
    "a tag": ("a: !!python/name:os.system ''", "tag", "arms.a"),
}

KEYS: Section = {
    "a misspelt key": ("replicate: 3", "unknown_key", "replicate"),
    "a word for a count": ("replicates: three", "not_allowed", "replicates"),
    "a fraction for a count": ("replicates: 2.5", "not_allowed", "replicates"),
    "true for a count": ("replicates: true", "not_allowed", "replicates"),
    "no replicates": ("replicates: 0", "not_allowed", "replicates"),
    "a list of replicates": ("replicates: [3, 10]", "not_allowed", "replicates"),
    "two seeds before the first look": ("replicates: {start: 2, most: 10}", "not_allowed", "replicates.start"),
    "no seed to decide about": ("replicates: {start: 5, most: 5}", "not_below_most", "replicates.start"),
    "most without start": ("replicates: {most: 10}", "missing", "replicates.start"),
    "start without most": ("replicates: {start: 3}", "missing", "replicates.most"),
    "a misspelt key of the replicates": ("replicates: {start: 3, max: 9, most: 9}", "unknown_key", "replicates.max"),
    "too many seeds": ("replicates: {start: 3, most: 1001}", "not_allowed", "replicates.most"),
    "no value": ("seed:", "not_allowed", "seed"),
    "a metric in capitals": ("primary: NDCG@10", "unknown_metric", "primary"),
    "a cut-off of nothing": ("checkpoint: mrr@0", "unknown_metric", "checkpoint"),
    "recall without a cut-off": ("primary: recall", "unknown_metric", "primary"),
    "a metric as a list": ("primary: [ndcg@10]", "not_allowed", "primary"),
    "a percentage": ("sesoi: 1%", "not_allowed", "sesoi"),
    "an effect of nothing": ("sesoi: 0", "not_allowed", "sesoi"),
    "a mode of never": ("mode: random", "not_allowed", "mode"),
    "a search in another mode": ("search: {trials: 3}", "other_mode", "search"),
    "a level of evidence that is none": ("diagnostics: fulll", "not_allowed", "diagnostics"),
    "a misspelt level in a mapping": ("diagnostics: {level: lite}", "not_allowed", "diagnostics.level"),
    "a check that is none": ("diagnostics: {mute: {FTRX101: I know}}", "unknown_check", "diagnostics.mute.FTRX101"),
    "a check muted without a reason": ("diagnostics: {mute: {FTR101: }}", "no_reason", "diagnostics.mute.FTR101"),
    "a list of muted checks": ("diagnostics: {mute: [FTR101]}", "not_allowed", "diagnostics.mute"),
    "evidence of an arm that is none": ("diagnostics: {arms: [mine]}", "unknown_arm", "diagnostics.arms[0]"),
    "an expectation of an arm that is none": (
        "follows: {study: a, expects: {mine: {rule: a, verdict: better}}}",
        "unknown_arm",
        "follows.expects.mine",
    ),
    "an expectation of another kind": (
        "follows: {study: a, expects: {reverse: {rule: a, verdict: beter}}}",
        "not_allowed",
        "follows.expects.reverse.verdict",
    ),
    "an unknown key of an expectation": (
        "follows: {study: a, expects: {reverse: {rule: a, verdict: better, gian: 1}}}",
        "unknown_key",
        "follows.expects.reverse.gian",
    ),
    "a gain of an unknown metric": (
        "follows: {study: a, expects: {reverse: {rule: a, verdict: better, metric: ndgc@10}}}",
        "unknown_metric",
        "follows.expects.reverse.metric",
    ),
    "a study that follows none": ("follows: {expects: {}}", "missing", "follows.study"),
    "evidence of one arm without a list": ("diagnostics: {arms: mine}", "not_allowed", "diagnostics.arms"),
    "gpu": ("device: gpu", "not_allowed", "device"),
    "a dash": ("backbone: per-seed", "not_allowed", "backbone"),
    "a backbone's file without its key": ("backbone: model.safetensors", "not_allowed", "backbone"),
    "a number for a backbone": ("backbone: 3", "not_allowed", "backbone"),
    "a misspelt key of the backbone": ("backbone: {chekpoint: x}", "unknown_key", "backbone.chekpoint"),
    "two backbones": ("backbone: {trained: shared, checkpoint: x}", "one_of_two", "backbone"),
    "a sampled softmax for a backbone from a file": (
        "backbone: {checkpoint: x, n_sampled: 64}",
        "not_trained",
        "backbone.n_sampled",
    ),
    "fewer than no negatives": ("backbone: {trained: shared, n_sampled: -1}", "not_allowed", "backbone.n_sampled"),
    "a sampled softmax of no backbone": ("backbone: {n_sampled: 64}", "one_of_two", "backbone"),
    "no backbone": ("backbone: {}", "one_of_two", "backbone"),
    "another word for skip": ("on_inapplicable: ignore", "not_allowed", "on_inapplicable"),
    "a budget as a number": ("budget: 4", "not_allowed", "budget"),
    "a misspelt key of the budget": ("budget: {epoch: 4}", "unknown_key", "budget.epoch"),
    "no epochs": ("budget: {epochs: 0}", "not_allowed", "budget.epochs"),
    "a long question": (f"question: {'x' * 2001}", "too_long", "question"),
    "a grid in base": ("base: {kl.weight: {weight: [0, 1]}}", "one_setting", "base"),
    "a misspelt id in base": ("base: wiring.cosin", "unknown_intervention", "base"),
    "a key given twice": ("name: t", "given_twice", "name"),
    "a control character": ('question: "a\\u0007b"', "control_character", "question"),
    "half a character": ('question: "a\\ud800b"', "control_character", "question"),
}

FIRST_GUESSES: Section = {
    "a list of seeds": ("seeds: [0, 1, 2]", "unknown_key", "seeds"),
    "a number of seeds": ("n_seeds: 5", "unknown_key", "n_seeds"),
    "epochs by themselves": ("epochs: 20", "unknown_key", "epochs"),
    "patience by itself": ("patience: 3", "unknown_key", "patience"),
    "a metric": ("metric: ndcg@10", "unknown_key", "metric"),
    "metrics": ("metrics: [ndcg@10, recall@20]", "unknown_key", "metrics"),
    "a primary metric": ("primary_metric: ndcg@10", "unknown_key", "primary_metric"),
    "a dataset": ("dataset: ml-100k", "unknown_key", "dataset"),
    "a model": ("model: SASRec", "unknown_key", "model"),
    "a learning rate": ("lr: 0.001", "unknown_key", "lr"),
    "a baseline": ("baseline: base", "unknown_key", "baseline"),
    "interventions": ("interventions: {reverse: kl.reverse}", "unknown_key", "interventions"),
    "remedies": ("remedies: [kl.reverse]", "unknown_key", "remedies"),
    "workers": ("workers: 4", "unknown_key", "workers"),
    "a GPU": ("gpu: true", "unknown_key", "gpu"),
    "a batch size": ("batch_size: 256", "unknown_key", "batch_size"),
    "trials by themselves": ("n_trials: 50", "unknown_key", "n_trials"),
    "the most epochs": ("budget: {max_epochs: 9}", "unknown_key", "budget.max_epochs"),
}

DATA: Section = {
    "a file by another key": ("{file: x.csv, path: x.yaml, format: recbole}", "unknown_key", "data.file"),
    "a column without its part": ("{path: x.yaml, format: recbole, user: uid}", "unknown_key", "data.user"),
    "an unknown set": ("ml-100", "data", "data"),
    "a file that is not there": ("{path: no.inter}", "no_data_file", "data.path"),
    "a file that is not there, by its name alone": ("no.csv", "no_data_file", "data.path"),
    "a folder": ("{path: ., format: recbole}", "no_data_file", "data.path"),
    "name and path": ("{name: ml-100k, path: x.yaml}", "one_of_two", "data"),
    "neither": ("{min_interactions: 3}", "one_of_two", "data"),
    "an unknown format": ("{path: x.yaml, format: cvs}", "not_allowed", "data.format"),
    "a format that no suffix tells": ("{path: x.yaml}", "data", "data"),
    "columns of sequences": ("{path: x.yaml, format: sequences, columns: {user: u}}", "no_columns", "data.columns"),
    "a separator of a named set": ("{name: ml-100k, sep: ;}", "format_of_named", "data.sep"),
    "a separator of Parquet": ("{path: x.yaml, format: parquet, sep: ;}", "data", "data"),
    "no separator": ("{path: x.yaml, format: csv, sep: ''}", "not_allowed", "data.sep"),
    "a quote as separator": ("{path: x.yaml, format: csv, sep: '\"'}", "not_allowed", "data.sep"),
    "a misspelt column": ("{path: x.yaml, format: recbole, columns: {usr: u}}", "unknown_key", "data.columns.usr"),
    "the same column twice": ("{path: x.yaml, format: recbole, columns: {user: u, item: u}}", "data", "data"),
    "a number": ("3", "not_allowed", "data"),
}

SEARCH: Section = {
    "a misspelt key": ("{trial: 3}", "unknown_key", "search.trial"),
    "one trial": ("{trials: 1}", "not_allowed", "search.trials"),
    "no width": ("{width: 0}", "not_allowed", "search.width"),
    "a word for a count": ("{confirm: some}", "not_allowed", "search.confirm"),
    "a probability above one half": ("{prune: 0.9}", "not_allowed", "search.prune"),
    "a number for the part": ("20", "not_allowed", "search"),
    "an objective that is none": ("{objectives: [speed]}", "not_allowed", "search.objectives"),
    "speed alone": ("{objectives: [seconds]}", "not_allowed", "search.objectives"),
    "a word for a list": ("{objectives: quality}", "not_allowed", "search.objectives"),
    "pruning by two objectives": ("{objectives: [quality, seconds], prune: 0.1}", "no_pruning", "search.prune"),
}

FILES: Section = {
    "no name": (b"data: ml-100k\narms: {reverse: kl.reverse}\n", "missing", "name"),
    "empty": (b"", "no_mapping", ""),
    "comments only": (b"# later\n", "no_mapping", ""),
    "a list": (b"- a\n", "no_mapping", ""),
    "text": (b"hello", "no_mapping", ""),
    "latin 1": ("name: s\nquestion: Größe\n".encode("latin-1"), "not_utf8", ""),
    "utf-16": ("name: s".encode("utf-16"), "not_utf8", ""),
    "binary": (b"name: \x00\n", "not_yaml", ""),
    "a tab": (b"arms:\n\ta: kl.reverse\n", "not_yaml", ""),
    "a colon in text": (b"name: s\nquestion: Why: because\n", "not_yaml", ""),
    "an open bracket": (b"arms: [a,\nname: s\n", "not_yaml", ""),
    "two documents": (b"name: s\n---\nname: t\n", "two_documents", ""),
    "an unknown alias": (b"arms: *x\n", "not_yaml", ""),
    "an alias bomb": (
        b"a: &a [x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 8)) for c in range(ord("b"), ord("j"))),
        "alias",
        "",
    ),
    "an alias of itself": (b"a: &a [*a]\n", "alias", ""),
    "a deep nest": (b"a: " + b"[" * 5000 + b"]" * 5000, "too_deep", ""),
    "too many values": (b"a: [" + b"1," * 60_000 + b"]", "too_large", ""),
    "too large": (b"#" * 300_000, "too_large", ""),
    "a key that is a list": (b"name: s\n? [a]\n: b\n", "key_shape", ""),
    "nothing of what is needed": (b"seed: 1\n", "missing", "name"),
    "no arms": (b"name: s\ndata: ml-100k\narms:\n", "no_arms", "arms"),
}

FACTORS = {
    "cosine": "wiring.cosine",
    "attention": "wiring.retriever_attention",
    "scale": "wiring.scale",
    "values": "wiring.values",
    "reverse": "kl.reverse",
    "weight": "kl.weight",
    "staged": "evaluation.staged",
    "sources": "index.sources",
    "diverse": "search.diverse",
}


def combined(names: list[str], end: str = "", mode: str = "factorial", arms: Mapping[str, str] = FACTORS) -> str:
    """A study of a mode that combines arms."""
    lines = "\n".join(f"  {name}: {arms[name]}" for name in names)
    return f"name: s\ndata: ml-100k\nmode: {mode}\narms:\n{lines}\n{end}"


STACKS: Section = {
    "a grid": (
        combined(["cosine", "weight"], arms={**FACTORS, "weight": "{kl.weight: {weight: [0.1, 1]}}"}),
        "one_setting",
        "arms.weight",
    ),
    "a grid in a greedy study": (
        combined(["cosine", "weight"], mode="greedy", arms={**FACTORS, "weight": "{kl.weight: {weight: [0.1]}}"}),
        "one_setting",
        "arms.weight",
    ),
    "a name that joins": (
        combined(["cosine", "a + b"], arms={**FACTORS, "a + b": "wiring.scale"}),
        "arm_name",
        "arms.a + b",
    ),
    "one arm": (combined(["cosine"]), "n_arms", "arms"),
    "one candidate": (combined(["cosine"], mode="greedy"), "n_arms", "arms"),
    "too many for all combinations": (combined(list(FACTORS)[:7]), "n_arms", "arms"),
    "too many for any": (combined(list(FACTORS)), "n_arms", "arms"),
    "a factorial study that looks between seeds": (
        combined(["cosine", "scale"], "replicates: {start: 3, most: 5}\n"),
        "fixed_seeds",
        "replicates",
    ),
    "too small a fraction": (combined(["cosine", "scale"], "factorial: {fraction: 1/2}\n"), "n_arms", "arms"),
    "a fraction of another kind": (
        combined(["cosine", "scale"], "factorial: {fraction: 0.5}\n"),
        "not_allowed",
        "factorial.fraction",
    ),
    "a part without its mode": (
        combined(["cosine", "scale"], "factorial: {fraction: full}\n", mode="grid"),
        "other_mode",
        "factorial",
    ),
    "the part of another mode": (combined(["cosine", "scale"], "greedy: {most: 2}\n"), "other_mode", "greedy"),
    "a stack of none": (
        combined(["cosine", "scale"], "greedy: {most: 0}\n", mode="greedy"),
        "not_allowed",
        "greedy.most",
    ),
    "an unknown key": (
        combined(["cosine", "scale"], "greedy: {mots: 2}\n", mode="greedy"),
        "unknown_key",
        "greedy.mots",
    ),
    "a word for the part": (combined(["cosine", "scale"], "greedy: fast\n", mode="greedy"), "not_allowed", "greedy"),
}

PLANS: Section = {
    "two remedies of one seam": (f"{HEAD}arms: {{both: [kl.reverse, kl.symmetric]}}\n", "conflict", "arms.both"),
    "an arm that base holds": (f"{HEAD}base: wiring.cosine\narms: {{a: wiring.cosine}}\n", "no_effect", "arms.a"),
    "an arm that lacks what it needs": (
        f"{HEAD}base: {{kl.weight: {{weight: 0}}}}\narms: {{a: kl.reverse}}\n",
        "requirement",
        "arms.a",
    ),
    "a base that contradicts itself": (f"{HEAD}base: [kl.reverse, kl.symmetric]\narms: {{}}\n", "conflict", "base"),
    "a search that contradicts itself": (f"{SEARCHED}arms: {{a: [kl.reverse, kl.symmetric]}}\n", "conflict", "arms.a"),
    "an arm that no stack can hold": (
        combined(["twice", "cosine"], mode="greedy", arms={**FACTORS, "twice": "[kl.reverse, kl.symmetric]"}),
        "conflict",
        "arms.twice",
    ),
    "a span beyond the budget": (
        f"{HEAD}arms: {{a: {{loss.ramp: {{until: 30ep}}}}}}\nbudget: {{epochs: 5}}\n",
        "beyond_budget",
        "arms.a",
    ),
    "an arm that is in no run of the design": (
        combined(["pareto", "cosine"], arms={**FACTORS, "pareto": "loss.pareto"}),
        "in_no_run",
        "arms.pareto",
    ),
}
"""Found when the arms are composed."""

OPTIONS: Mapping[str, tuple[Overrides, str]] = {
    "no replicates": (Overrides(replicates=0), "--replicates"),
    "epochs without end": (Overrides(epochs=10**9), "--epochs"),
    "another word for cuda": (Overrides(device="gpu"), "--device"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A study with one mistake.

    Attributes:
        section, name: where it stands on the page.
        shown: the part that is wrong.
        content: the whole file.
        code, path: of the mistake.
    """

    section: str
    name: str
    shown: str | bytes
    content: bytes
    code: str
    path: str


def cases() -> Iterator[Case]:
    """Every mistake, in the order of the page."""
    sections: tuple[tuple[str, Section, str], ...] = (
        ("Arms", ARMS, f"{HEAD}arms:\n  SHOWN\n"),
        ("Keys", KEYS, f"{HEAD}arms: {{}}\nSHOWN\n"),
        ("First guesses", FIRST_GUESSES, f"{HEAD}arms: {{}}\nSHOWN\n"),
        ("Data", DATA, "name: s\narms: {}\ndata: SHOWN\n"),
        ("Search", SEARCH, f"{SEARCHED}search: SHOWN\narms: {{}}\n"),
        ("Stacks", STACKS, "SHOWN"),
        ("Composition", PLANS, "SHOWN"),
        ("Files", FILES, "SHOWN"),
    )
    for section, mistakes, around in sections:
        for name, (shown, code, path) in mistakes.items():
            content = shown if isinstance(shown, bytes) else around.replace("SHOWN", shown).encode()
            yield Case(section=section, name=name, shown=shown, content=content, code=code, path=path)


def problems_of(content: bytes, folder: Path, overrides: Overrides | None = None) -> tuple[Problem, ...]:
    """What is wrong with a study file; nothing where it plans."""
    path = folder / "x.yaml"
    path.write_bytes(content)
    try:
        make_plan(load_study(path, overrides, catalogue=EVERYTHING))
    except StudyFileError as found:
        return found.problems
    return ()


def page() -> str:
    """Every mistake with the words that answer it."""
    lines = ["# What is answered to a mistake", "", "Written by `python -m tests.study.mistakes`."]
    section = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def told(problems: tuple[Problem, ...]) -> list[str]:
            said = [str(each).replace(f"{folder}/", "").replace(str(folder), "FOLDER") for each in problems]
            return [f"  - `{each.code}` {text}" for each, text in zip(problems, said, strict=True)]

        for case in cases():
            if case.section != section:
                section = case.section
                lines += ["", f"## {section}", ""]
            shown = repr(case.shown[:80]) if isinstance(case.shown, bytes) else case.shown[:300].strip()
            lines += [f"- **{case.name}**: `{shown.replace(chr(10), ' / ')}`", *told(problems_of(case.content, folder))]
        lines += ["", "## Options", ""]
        good = f"{HEAD}arms: {{}}\n".encode()
        for name, (overrides, _) in OPTIONS.items():
            lines += [f"- **{name}**", *told(problems_of(good, folder, overrides))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
