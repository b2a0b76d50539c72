"""YAML read as plain values, each with its line.

Plain scalars are read by the core schema of YAML 1.2, as editors do: ``off`` and ``no`` are words, ``1e-3`` is a
number and a date is text. PyYAML alone reads YAML 1.1, where ``diagnostics: off`` would be false and ``weight: 1e-3`` a
word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

import yaml

from harness.study.mistakes import Path, Problem, StudyFileError, show

LARGEST_FILE = 256 << 10
MOST_NODES = 20_000
DEEPEST = 20
LONGEST_NUMBER = 100

_STANDARD_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


@dataclass(slots=True, kw_only=True)
class Document:
    """A parsed file.

    Attributes:
        source: the file as the user named it.
        value: mappings, lists, text, numbers, true, false and null.
        lines: path -> line of the value, from 1.
        key_lines: path -> line of the key.
        problems: mistakes found while reading; the rest of the document is still read.
    """

    source: str
    value: object = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    key_lines: dict[Path, int] = field(default_factory=dict[Path, int])
    problems: list[Problem] = field(default_factory=list[Problem])

    def line(self, path: Path) -> int:
        """The line of the key at a path; without a key, of the value; without either, of the enclosing value."""
        while path:
            found = self.key_lines.get(path) or self.lines.get(path)
            if found:
                return found
            path = path[:-1]
        return self.lines.get((), 1)

    def value_line(self, path: Path) -> int:
        """The line where the value at a path begins; without one, the same as :meth:`line`."""
        return self.lines.get(path) or self.line(path)

    def add(self, path: Path, code: str, message: str, *, line: int = 0) -> None:
        """Note a mistake."""
        self.problems.append(
            Problem(source=self.source, code=code, line=line or self.value_line(path), path=path, message=message)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, where a value is read and mistakes are noted."""

    document: Document
    path: Path

    def __truediv__(self, part: str | int) -> Place:
        """The place of a key, or of an entry of a list, inside this one."""
        return Place(self.document, (*self.path, part))

    @property
    def line(self) -> int:
        """The line of the key."""
        return self.document.line(self.path)

    def add(self, code: str, message: str) -> None:
        """Note a mistake in the value."""
        self.document.add(self.path, code, message)

    def add_to_key(self, code: str, message: str) -> None:
        """Note a mistake in the key."""
        self.document.add(self.path, code, message, line=self.line)


def parse_yaml(raw: bytes, source: str) -> Document:
    """The document of a file's bytes.

    Mistakes that leave the rest readable (a repeated key, a tag, a control character) are noted in
    ``Document.problems``.

    Raises:
        StudyFileError: nothing can be read: not UTF-8, not YAML, several documents, too large or too deep.
    """
    document = Document(source=source)
    if len(raw) > LARGEST_FILE:
        raise _fatal(source, 0, "too_large", f"more than {LARGEST_FILE} bytes; is this the right file?")
    text = _decode(raw, source)
    try:
        _check_shape(text, source)
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        raise _fatal(
            source, line, "not_yaml", f"character {problem.character!r} is not allowed in YAML; remove it"
        ) from None
    except yaml.MarkedYAMLError as problem:
        raise _syntax(problem, source) from None
    if root is not None:
        document.value = _Builder(document).build(root, (), 0)
    return document


def _fatal(source: str, line: int, code: str, message: str) -> StudyFileError:
    return StudyFileError([Problem(source=source, code=code, line=line, message=message)])


def _decode(raw: bytes, source: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise _fatal(
            source, line, "not_utf8", f"byte 0x{raw[problem.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _syntax(problem: yaml.MarkedYAMLError, source: str) -> StudyFileError:
    mark = problem.problem_mark or problem.context_mark
    what = problem.problem or problem.context or "cannot be read"
    if "'\\t'" in what:
        what += "; indent with spaces, not tabs"
    elif "mapping values are not allowed" in what:
        what += "; quote text that holds ': ', and put each key on a line of its own"
    column = f" (column {mark.column + 1})" if mark else ""
    return _fatal(source, mark.line + 1 if mark else 0, "not_yaml", f"not valid YAML: {what}{column}")


def _check_shape(text: str, source: str) -> None:
    """Refuse excessive size or depth and a second document, from events, before anything recursive runs."""
    depth = documents = 0
    for n_events, event in enumerate(yaml.parse(text, Loader=yaml.BaseLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        line = event.start_mark.line + 1
        if n_events > 2 * MOST_NODES:
            raise _fatal(source, line, "too_large", f"more than {MOST_NODES} values; is this the right file?")
        if depth > DEEPEST:
            raise _fatal(source, line, "too_deep", f"nested more than {DEEPEST} levels deep; a study file needs 6")
        if documents > 1:
            raise _fatal(source, line, "two_documents", "a second document begins here; keep one study per file")


class _Builder:
    """Turns nodes into values, and notes lines and mistakes in the document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.n_nodes = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> object:
        """The node's value; an alias is expanded up to a bound, so that a few lines cannot fill the memory."""
        self.n_nodes += 1
        line = node.start_mark.line + 1
        if depth > DEEPEST or self.n_nodes > MOST_NODES:
            what = "an alias contains itself" if depth > DEEPEST else f"aliases expand to more than {MOST_NODES} values"
            raise _fatal(self.document.source, line, "alias", f"{what}; write the values out")
        self.document.lines[path] = line
        if node.tag not in _STANDARD_TAGS:
            self.document.add(path, "tag", f"tag {node.tag!r} is not supported; remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(each, (*path, i), depth + 1) for i, each in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, object]:
        built: dict[str, object] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.document.add(path, "key_shape", "a key must be a word, not a list or a mapping", line=line)
                continue
            name = str(key.value)
            here = (*path, name)
            if _is_unprintable(name):
                self.document.add(
                    path, "control_character", f"key {show(name)} holds a control character; remove it", line=line
                )
                continue
            if name in built:
                first = self.document.key_lines[here]
                self.document.add(here, "given_twice", f"given twice, first on line {first}; remove one", line=line)
                continue
            self.document.key_lines[here] = line
            built[name] = self.build(value, here, depth + 1)
        return built

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        text = str(node.value)
        if _is_unprintable(text):
            self.document.add(path, "control_character", f"{show(text)} holds a control character; remove it")
            return text.encode("utf-8", "replace").decode()  # half a surrogate pair would be reported twice
        return text if isinstance(node, yaml.ScalarNode) and node.style else plain(text)


def plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in the core schema of YAML 1.2.

    >>> [plain(text) for text in ("off", "1e-3", "007", "0x1f", "2024-01-01", "", "true")]
    ['off', 0.001, 7, 31, '2024-01-01', None, True]
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _is_unprintable(text: str) -> bool:
    return any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t" for each in text)
