"""Mistakes that people make in a study file, and the exact words that answer each."""

from __future__ import annotations

import pytest

from harness.interventions import CATALOGUE
from harness.study.study import StudyFileError, load_study

HEAD = "name: s\ndata: ml-100k\n"
KEYS = (
    "name, question, data, base, arms, mode, search, factorial, greedy, replicates, seed, primary, checkpoint, sesoi, "
    "budget, backbone, diagnostics, device, on_inapplicable"
)
FAMILIES = tuple(dict.fromkeys(each.family() for each in CATALOGUE))
SPAN = "a fraction of the budget in [0.01, 1], epochs such as 3ep"
EDGES = "a list of increasing whole numbers in [1, 50]"

ARM_MISTAKES = {
    "a misspelt id": (
        "reverse: kl.revers",
        "arms.reverse: unknown intervention 'kl.revers'; did you mean kl.reverse? (known: kl.reverse, kl.weight, "
        "kl.symmetric)",
    ),
    "a misspelt id with parameters": (
        "w: {kl.wieght: {weight: 1}}",
        "arms.w.kl.wieght: unknown intervention 'kl.wieght'; did you mean kl.weight? (known: kl.reverse, kl.weight, "
        "kl.symmetric)",
    ),
    "an id of no family": (
        "w: bigger",
        f"arms.w: unknown intervention 'bigger' (families: {', '.join(FAMILIES)}, fake)",
    ),
    "a misspelt parameter": (
        "w: {kl.weight: {wieght: .1}}",
        "arms.w.kl.weight.wieght: kl.weight has no parameter 'wieght'; did you mean weight? (its parameters: weight)",
    ),
    "a parameter too many": (
        "r: {kl.reverse: {weight: .1}}",
        "arms.r.kl.reverse.weight: kl.reverse has no parameter 'weight' (it has no parameters)",
    ),
    "text for a number": (
        "w: {kl.weight: {weight: small}}",
        "arms.w.kl.weight.weight: 'small' is not a number in [0, 100]",
    ),
    "a quoted number": (
        "w: {kl.weight: {weight: '0.1'}}",
        "arms.w.kl.weight.weight: '0.1' is not a number in [0, 100]",
    ),
    "one bad value of a grid": (
        "w: {kl.weight: {weight: [0, -1]}}",
        "arms.w.kl.weight.weight[1]: -1 is not a number in [0, 100]",
    ),
    "a misspelt choice": (
        "j: {kl.symmetric: {form: jefreys}}",
        "arms.j.kl.symmetric.form: 'jefreys' is not one of js, jeffreys; did you mean jeffreys?",
    ),
    "true for a number": (
        "w: {kl.weight: {weight: true}}",
        "arms.w.kl.weight.weight: true is not a number in [0, 100]",
    ),
    "a fraction for a whole number": (
        "m: {fake.many: {steps: 1.5}}",
        "arms.m.fake.many.steps: 1.5 is not a whole number in [1, 9]",
    ),
    "a word for a switch": ("m: {fake.many: {warm: yes}}", "arms.m.fake.many.warm: 'yes' is not true or false"),
    "a comma for a point": (
        "w: {kl.weight: {weight: '0,1'}}",
        "arms.w.kl.weight.weight: '0,1' is not a number in [0, 100]",
    ),
    "a parameter without its value": (
        "w: {kl.weight: {weight: }}",
        "arms.w.kl.weight.weight: nothing is not a number in [0, 100]",
    ),
    "not a number": ("w: {kl.weight: {weight: .inf}}", "arms.w.kl.weight.weight: inf is not a number in [0, 100]"),
    "an empty grid": (
        "w: {kl.weight: {weight: []}}",
        "arms.w.kl.weight.weight: an empty list; give at least one value (a number in [0, 100])",
    ),
    "a list in a list": (
        "w: {kl.weight: {weight: [[0, 1]]}}",
        "arms.w.kl.weight.weight[0]: [0, 1] is not a number in [0, 100]",
    ),
    "a sequence out of order": (
        "s: {fake.shape: {edges: [5, 2]}}",
        f"arms.s.fake.shape.edges: [5, 2] is not {EDGES}; write [2, 5]",
    ),
    "a number for a sequence": (
        "s: {fake.shape: {edges: 5}}",
        f"arms.s.fake.shape.edges: 5 is not {EDGES}; write [5]",
    ),
    "an empty sequence": (
        "s: {fake.shape: {edges: []}}",
        f"arms.s.fake.shape.edges: [] is not {EDGES}",
    ),
    "a sequence beyond its bounds": (
        "s: {fake.shape: {edges: [2, 51]}}",
        f"arms.s.fake.shape.edges: [2, 51] is not {EDGES}",
    ),
    "a fraction in a sequence": (
        "s: {fake.shape: {edges: [2, 5.5]}}",
        f"arms.s.fake.shape.edges: [2, 5.5] is not {EDGES}; write [2]",
    ),
    "one bad sequence of a grid": (
        "s: {fake.shape: {edges: [[2, 5], [2, 2]]}}",
        f"arms.s.fake.shape.edges[1]: [2, 2] is not {EDGES}; write [2]",
    ),
    "a space in a span": (
        "s: {fake.shape: {until: 3 ep}}",
        f"arms.s.fake.shape.until: '3 ep' is not {SPAN}; write 3ep",
    ),
    "a span without its number": (
        "s: {fake.shape: {until: ep}}",
        f"arms.s.fake.shape.until: 'ep' is not {SPAN}; write a whole number before ep, at least 1",
    ),
    "a span in whole words": (
        "s: {fake.shape: {until: 3epochs}}",
        f"arms.s.fake.shape.until: '3epochs' is not {SPAN}; write 3ep",
    ),
    "a span below nothing": (
        "s: {fake.shape: {until: -1ep}}",
        f"arms.s.fake.shape.until: '-1ep' is not {SPAN}; write a whole number before ep, at least 1",
    ),
    "a span of no epoch": (
        "s: {fake.shape: {until: 0ep}}",
        f"arms.s.fake.shape.until: '0ep' is not {SPAN}; the fewest is 1ep",
    ),
    "half an epoch": (
        "s: {fake.shape: {until: 1.5ep}}",
        f"arms.s.fake.shape.until: '1.5ep' is not {SPAN}; write a whole number before ep, at least 1",
    ),
    "epochs without their unit": (
        "s: {fake.shape: {until: 3}}",
        f"arms.s.fake.shape.until: 3 is not {SPAN}; write 3ep for 3 epochs",
    ),
    "a span without end": (
        "s: {fake.shape: {until: 99999ep}}",
        f"arms.s.fake.shape.until: '99999ep' is not {SPAN}; the most is 10000ep",
    ),
    "a word that is no span": (
        "s: {fake.shape: {start: nevr}}",
        "arms.s.fake.shape.start: 'nevr' is not a fraction of the budget in [0, 1], epochs such as 3ep, or never; "
        "did you mean never?",
    ),
    "a number that is no choice": (
        "s: {fake.shape: {heads: 3}}",
        "arms.s.fake.shape.heads: 3 is not one of 1, 2, 4",
    ),
    "true for a choice of numbers": (
        "s: {fake.shape: {heads: true}}",
        "arms.s.fake.shape.heads: true is not one of 1, 2, 4",
    ),
    "parameters without their name": (
        "w: {kl.weight: 0.1}",
        "arms.w.kl.weight: the parameters of kl.weight are a mapping, not 0.1; write {kl.weight: {weight: 0.1}}",
    ),
    "two keys for a stack": (
        "x: {kl.reverse: {}, kl.weight: {weight: .1}}",
        "arms.x: 2 keys (kl.reverse, kl.weight) where one is allowed; write a stack as a list: [kl.reverse, kl.weight]",
    ),
    "a stack as text": (
        "x: kl.reverse, kl.weight",
        "arms.x: unknown intervention 'kl.reverse, kl.weight'; write a stack as a list, in brackets "
        "(known: kl.reverse, kl.weight, kl.symmetric)",
    ),
    "a remedy twice in a stack": (
        "x: [kl.reverse, {kl.reverse: {}}]",
        "arms.x[1]: kl.reverse is in this stack twice; keep one",
    ),
    "an empty stack": (
        "x: []",
        "arms.x: an empty stack; name at least one intervention (base itself is always there)",
    ),
    "an arm without a remedy": (
        "x:",
        "arms.x: nothing is not an intervention; write an id, {id: {parameter: value}} or a list of those",
    ),
    "a number for a remedy": (
        "x: 3",
        "arms.x: 3 is not an intervention; write an id, {id: {parameter: value}} or a list of those",
    ),
    "a stack in a stack": (
        "x: [[kl.reverse]]",
        "arms.x[0]: ['kl.reverse'] is not an intervention; write an id, {id: {parameter: value}} or a list of those",
    ),
    "the name base": (
        "base: kl.reverse",
        "arms.base: the name 'base' is reserved, that arm is always there; choose another",
    ),
    "the name A/A": (
        "A/A: kl.reverse",
        "arms.A/A: the name 'A/A' is reserved, that arm is always there; choose another",
    ),
    "a name with brackets": (
        "'w[weight=1]': kl.weight",
        "arms.w[weight=1]: the name holds a bracket, tab or line break; use at most 100 characters on one line, "
        "without [ and ]",
    ),
    "an empty name": (
        "'': kl.reverse",
        "arms.'': the name '' is empty or begins or ends with a space; mend it",
    ),
    "an arm given twice": ("a: kl.reverse\n  a: kl.weight", "arms.a: given twice, first on line 4; remove one"),
    "two arms alike": (
        "a: kl.weight\n  b: {kl.weight: {weight: [1, 0.01]}}",
        "arms.b: b[weight=0.01] is the same as a on line 4; remove one of them",
    ),
    "two arms alike in another order": (
        "a: [kl.weight, kl.reverse]\n  b: [kl.reverse, kl.weight]",
        "arms.b: b is the same as a on line 4; remove one of them",
    ),
    "a value given twice in a grid": (
        "a: {kl.weight: {weight: [1, 1.0]}}",
        "arms.a: a[weight=1] is the same as a[weight=1] on line 4; remove one of them",
    ),
    "a grid without end": (
        f"a: {{fake.many: {{weight: {[i / 1000 for i in range(500)]}, steps: [1, 2, 3]}}}}",
        "arms.a: the lists make 1500 settings, at most 1000; shorten them",
    ),
    "a tag": (
        "a: !!python/name:os.system ''",
        "arms.a: tag 'tag:yaml.org,2002:python/name:os.system' is not supported; remove it",
    ),
}


@pytest.mark.parametrize("mistake", ARM_MISTAKES)
def test_a_mistake_in_an_arm_is_answered_with_its_line_and_fix(mistakes_in, mistake):
    arms, message = ARM_MISTAKES[mistake]
    line = 4 + arms.count("\n")
    assert f"x.yaml:{line}: {message}" in mistakes_in(f"{HEAD}arms:\n  {arms}\n")


@pytest.mark.parametrize("mistake", [each for each in ARM_MISTAKES if each != "a tag"])
def test_one_mistake_is_told_once(mistakes_in, mistake):
    assert len(mistakes_in(f"{HEAD}arms:\n  {ARM_MISTAKES[mistake][0]}\n")) == 1


KEY_MISTAKES = {
    "a misspelt key": ("replicate: 3", f"replicate: unknown key; did you mean replicates? (keys: {KEYS})"),
    "a word for a count": ("replicates: three", "replicates: 'three' is not a whole number in [1, 1000]"),
    "a fraction for a count": ("replicates: 2.5", "replicates: 2.5 is not a whole number in [1, 1000]"),
    "true for a count": ("replicates: true", "replicates: true is not a whole number in [1, 1000]"),
    "no replicates": ("replicates: 0", "replicates: 0 is not a whole number in [1, 1000]"),
    "no value": ("seed:", "seed: nothing is not a whole number in [0, 2147483647]"),
    "a metric in capitals": (
        "primary: NDCG@10",
        "primary: metric 'NDCG@10' is unknown; did you mean ndcg@10?; use one of recall@K, ndcg[@K], mrr[@K], such as "
        "ndcg@10",
    ),
    "a cut-off of nothing": (
        "checkpoint: mrr@0",
        "checkpoint: metric 'mrr@0' is unknown; did you mean mrr@10?; use one of recall@K, ndcg[@K], mrr[@K], such as "
        "ndcg@10",
    ),
    "recall without a cut-off": (
        "primary: recall",
        "primary: metric 'recall' needs a cut-off; write recall@10",
    ),
    "a metric as a list": (
        "primary: [ndcg@10]",
        "primary: ['ndcg@10'] is not the name of a metric; write one such as ndcg@10",
    ),
    "a percentage": ("sesoi: 1%", "sesoi: '1%' is not a number in (0, 1]"),
    "an effect of nothing": ("sesoi: 0", "sesoi: 0 is not a number in (0, 1]"),
    "a mode of never": ("mode: random", "mode: 'random' is not one of grid, search, factorial, greedy"),
    "a search in another mode": (
        "search: {trials: 3}",
        "search: read in mode search alone, and this study's mode is 'grid'; write  mode: search",
    ),
    "a level of evidence that is none": (
        "diagnostics: fulll",
        "diagnostics: 'fulll' is not one of off, light, full; did you mean full?",
    ),
    "a misspelt level in a mapping": (
        "diagnostics: {level: lite}",
        "diagnostics.level: 'lite' is not one of off, light, full; did you mean light?",
    ),
    "a check that is none": (
        "diagnostics: {mute: {FTRX101: I know}}",
        "diagnostics.mute.FTRX101: no check 'FTRX101'; did you mean FTR101? (docs/checks)",
    ),
    "a check muted without a reason": (
        "diagnostics: {mute: {FTR101: }}",
        "diagnostics.mute.FTR101: nothing is no reason; say in 1 to 500 characters why, the report prints it",
    ),
    "a list of muted checks": (
        "diagnostics: {mute: [FTR101]}",
        "diagnostics.mute: ['FTR101'] is not a mapping of checks to reasons; write  FTR101: why not",
    ),
    "evidence of an arm that is none": (
        "diagnostics: {arms: [mine]}",
        "diagnostics.arms[0]: no arm 'mine' (base is always measured)",
    ),
    "evidence of one arm without a list": (
        "diagnostics: {arms: mine}",
        "diagnostics.arms: 'mine' is not a list of arms; write [mine]",
    ),
    "gpu": ("device: gpu", "device: 'gpu' is not one of auto, cpu, cuda; did you mean cuda?"),
    "a dash": ("backbone: per-seed", "backbone: 'per-seed' is not one of per_seed, shared; did you mean per_seed?"),
    "a backbone's file without its key": (
        "backbone: model.safetensors",
        "backbone: 'model.safetensors' is not one of per_seed, shared; a file is named as {checkpoint: FILE}",
    ),
    "a number for a backbone": (
        "backbone: 3",
        "backbone: 3 is not per_seed (one for every replicate), shared (one for all) or {checkpoint: FILE} (that one)",
    ),
    "a misspelt key of the backbone": (
        "backbone: {chekpoint: x}",
        "backbone.chekpoint: unknown key; did you mean checkpoint? (keys: trained, checkpoint, n_sampled)",
    ),
    "two backbones": (
        "backbone: {trained: shared, checkpoint: x}",
        "backbone: needs either per_seed or shared, or checkpoint: FILE, has both",
    ),
    "a sampled softmax for a backbone from a file": (
        "backbone: {checkpoint: x, n_sampled: 64}",
        "backbone.n_sampled: a backbone from a file is not trained here; remove this line",
    ),
    "fewer than no negatives": (
        "backbone: {trained: shared, n_sampled: -1}",
        "backbone.n_sampled: -1 is not a whole number in [0, 65536]",
    ),
    "a sampled softmax of no backbone": (
        "backbone: {n_sampled: 64}",
        "backbone: needs either per_seed or shared, or checkpoint: FILE, has neither",
    ),
    "no backbone": ("backbone: {}", "backbone: needs either per_seed or shared, or checkpoint: FILE, has neither"),
    "another word for skip": ("on_inapplicable: ignore", "on_inapplicable: 'ignore' is not one of error, skip"),
    "a budget as a number": ("budget: 4", "budget: 4 is not a mapping of keys to values"),
    "a misspelt key of the budget": (
        "budget: {epoch: 4}",
        "budget.epoch: unknown key; did you mean epochs? (keys: epochs, patience)",
    ),
    "no epochs": ("budget: {epochs: 0}", "budget.epochs: 0 is not a whole number in [1, 10000]"),
    "a long question": (f"question: {'x' * 2001}", "question: 2001 characters; give text of at most 2000 characters"),
    "a grid in base": (
        "base: {kl.weight: {weight: [0, 1]}}",
        "base: kl.weight: weight is a list, and base has one setting; give one value",
    ),
    "a misspelt id in base": (
        "base: wiring.cosin",
        "base: unknown intervention 'wiring.cosin'; did you mean wiring.cosine? "
        f"(known: {', '.join(each.id for each in CATALOGUE if each.family() == 'wiring')})",
    ),
    "a key given twice": ("name: t", "name: given twice, first on line 1; remove one"),
    "a control character": ('question: "a\\u0007b"', "question: 'a\\x07b' holds a control character; remove it"),
    "half a character": ('question: "a\\ud800b"', "question: 'a\\ud800b' holds a control character; remove it"),
}


@pytest.mark.parametrize("mistake", KEY_MISTAKES)
def test_a_mistake_in_a_key_is_answered_with_its_line_and_fix(mistakes_in, mistake):
    text, message = KEY_MISTAKES[mistake]
    assert mistakes_in(f"{HEAD}arms: {{}}\n{text}\n") == [f"x.yaml:4: {message}"]


DATA_MISTAKES = {
    "an unknown set": (
        "ml-100",
        "data: no data set is named 'ml-100'; did you mean ml-100k?; the names are ml-100k, beauty, toys, sports, "
        "yelp; a file of your own is given as data: {path: FILE}",
    ),
    "a file that is not there": (
        "{path: no.inter}",
        "data.path: no.inter does not exist; a relative path starts at FOLDER",
    ),
    "a folder": (
        "{path: ., format: recbole}",
        "data.path: FOLDER is a folder, not a file; a relative path starts at FOLDER",
    ),
    "name and path": (
        "{name: ml-100k, path: x.yaml}",
        "data: needs either name (a named data set) or path (a file), has both",
    ),
    "neither": ("{min_interactions: 3}", "data: needs either name (a named data set) or path (a file), has neither"),
    "an unknown format": (
        "{path: x.yaml, format: csv}",
        "data.format: 'csv' is not one of recbole, sequences",
    ),
    "a format that no suffix tells": (
        "{path: x.yaml}",
        "data: the suffix of x.yaml tells no format; add format: recbole | sequences",
    ),
    "columns of sequences": (
        "{path: x.yaml, format: sequences, columns: {user: u}}",
        "data.columns: this data has no columns to name; remove this line",
    ),
    "a misspelt column": (
        "{path: x.yaml, format: recbole, columns: {usr: u}}",
        "data.columns.usr: unknown key; did you mean user? (keys: user, item, time)",
    ),
    "the same column twice": (
        "{path: x.yaml, format: recbole, columns: {user: u, item: u}}",
        "data: columns: u, u, timestamp: user, item and time must be different columns",
    ),
    "a number": ("3", "data: 3 is not a named data set, or a file and how to read it"),
}


@pytest.mark.parametrize("mistake", DATA_MISTAKES)
def test_a_mistake_in_data_is_answered_with_its_line_and_fix(mistakes_in, tmp_path, mistake):
    data, message = DATA_MISTAKES[mistake]
    (told,) = mistakes_in(f"name: s\narms: {{}}\ndata: {data}\n")
    assert told.replace(str(tmp_path), "FOLDER") == f"x.yaml:3: {message}"


FILES = {
    "empty": (b"", "x.yaml:1: the file is empty; a study needs name, data and arms"),
    "comments only": (b"# later\n", "x.yaml:1: the file is empty; a study needs name, data and arms"),
    "a list": (b"- a\n", "x.yaml:1: not a mapping of keys to values; a study needs name, data and arms"),
    "text": (b"hello", "x.yaml:1: not a mapping of keys to values; a study needs name, data and arms"),
    "latin 1": (
        "name: s\nquestion: Größe\n".encode("latin-1"),
        "x.yaml:2: byte 0xf6 is not UTF-8; save the file as UTF-8",
    ),
    "utf-16": ("name: s".encode("utf-16"), "x.yaml:1: byte 0xff is not UTF-8; save the file as UTF-8"),
    "binary": (b"name: \x00\n", "x.yaml:1: character 0 is not allowed in YAML; remove it"),
    "a tab": (
        b"arms:\n\ta: kl.reverse\n",
        "x.yaml:2: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs "
        "(column 1)",
    ),
    "a colon in text": (
        b"name: s\nquestion: Why: because\n",
        "x.yaml:2: not valid YAML: mapping values are not allowed here; quote text that holds ': ', and put each key "
        "on a line of its own (column 14)",
    ),
    "an open bracket": (
        b"arms: [a,\nname: s\n",
        "x.yaml:3: not valid YAML: expected ',' or ']', but got '<stream end>' (column 1)",
    ),
    "two documents": (b"name: s\n---\nname: t\n", "x.yaml:2: a second document begins here; keep one study a file"),
    "an unknown alias": (b"arms: *x\n", "x.yaml:1: not valid YAML: found undefined alias 'x' (column 7)"),
    "an alias bomb": (
        b"a: &a [x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 8)) for c in range(ord("b"), ord("j"))),
        "x.yaml:1: aliases expand to more than 20000 values; write the values out",
    ),
    "an alias of itself": (b"a: &a [*a]\n", "x.yaml:1: an alias holds itself; write the values out"),
    "a deep nest": (b"a: " + b"[" * 5000 + b"]" * 5000, "x.yaml:1: nested more than 20 deep; a study file needs 6"),
    "too many values": (b"a: [" + b"1," * 60_000 + b"]", "x.yaml:1: more than 20000 values; is this the right file?"),
    "too large": (b"#" * 300_000, "x.yaml: more than 262144 bytes; is this the right file?"),
    "a key that is a list": (b"name: s\n? [a]\n: b\n", "x.yaml:2: a key must be a word, not a list or a mapping"),
    "nothing of what is needed": (
        b"seed: 1\n",
        "x.yaml:1: name: missing; add  name: \xe2\x80\xa6  (text of 1 to 200 characters)".encode("latin-1").decode(),
    ),
    "no arms": (
        b"name: s\ndata: ml-100k\narms:\n",
        "x.yaml:3: arms: not a mapping of names to remedies; write for instance  reverse: kl.reverse",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_study_is_answered_in_one_line(tmp_path, case):
    raw, message = FILES[case]
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(StudyFileError) as caught:
        load_study(path)
    assert message in str(caught.value).replace(f"{tmp_path}/", "").splitlines()


@pytest.mark.parametrize("text", ["windows\r\n", "byte order mark"])
def test_line_ends_and_byte_order_marks_do_no_harm(tmp_path, text):
    path = tmp_path / "x.yaml"
    body = (
        b"name: s\r\ndata: ml-100k\r\narms: {}\r\n"
        if "windows" in text
        else b"\xef\xbb\xbfname: s\ndata: toys\narms: {}\n"
    )
    path.write_bytes(body)
    assert load_study(path).name == "s"


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "kl_direction.yaml").write_text("")
    with pytest.raises(
        StudyFileError, match=r"kl_directoin\.yaml: does not exist; did you mean .*kl_direction\.yaml\?$"
    ):
        load_study(tmp_path / "kl_directoin.yaml")
    with pytest.raises(StudyFileError, match=r"nor does its folder"):
        load_study(tmp_path / "no" / "x.yaml")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is a folder, not a study file"),
        ("/dev/null", "is not a regular file; save the study to one"),
        ("x" * 5000, "cannot be read: File name too long"),
        ("a\0b", "does not exist"),
    ],
)
def test_what_is_no_file_is_refused(path, message):
    with pytest.raises(StudyFileError, match=message):
        load_study(path)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.yaml"
    path.write_text("")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(StudyFileError, match="cannot be read: Permission denied"):
        load_study(path)


def test_a_name_of_ten_thousand_characters_is_refused_in_few(mistakes_in):
    told = mistakes_in(f"name: {'x' * 10_000}\ndata: {'y' * 10_000}\narms: {{{'z' * 1000}: {'k' * 10_000}}}\n")
    assert told[0] == "x.yaml:1: name: 10000 characters; give text of 1 to 200 characters"
    assert max(len(line) for line in told) < 800


def test_markup_and_path_parts_in_a_name_are_kept_for_the_reader_and_kept_out_of_file_names(study_from):
    study = study_from("name: ../<script>alert(1)</script>\ndata: ml-100k\narms: {'<b>/..': kl.reverse}\n")
    assert study.name == "../<script>alert(1)</script>"
    assert study.slug.startswith("script-alert-1-script-")
    assert study.arms == ("<b>/..",)


def test_every_mistake_of_a_file_is_told_at_once(mistakes_in):
    told = mistakes_in("name: ''\ndata: ml\narms: {a: nope, b: {kl.weight: {weight: x}}}\nsesoi: 2\nsed: 1\n")
    assert [line.split(": ")[1] for line in told] == [
        "name",
        "data",
        "arms.a",
        "arms.b.kl.weight.weight",
        "sesoi",
        "sed",
    ]
