"""The registry of report sections: built-in ones are found by folder, those of plug-ins by entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module

from harness.plugins import Registry, subclass_of
from reports import sections
from reports.locale import Catalogue
from reports.sections.base import Section


def _builtin() -> Iterable[type[Section]]:
    for module in pkgutil.walk_packages(sections.__path__, f"{sections.__name__}."):
        if module.ispkg:
            for each in vars(import_module(module.name)).values():
                if isinstance(each, type) and issubclass(each, Section) and each.__module__ == module.name:
                    yield each


SECTIONS: Registry[type[Section]] = Registry(
    group="ftr_study.sections",
    what="report section",
    builtin=_builtin,
    name_of=lambda section: section.id,
    check=subclass_of(Section),
)


def in_page_order() -> tuple[Section, ...]:
    """Return every section in page order, plug-ins included."""
    return tuple(sorted((section() for section in SECTIONS.values()), key=lambda each: (each.place, each.id)))


def with_texts(text: Catalogue, found: Sequence[Section]) -> Catalogue:
    """Return the catalogue extended by the sections' own texts; none of them replaces a text of the harness."""
    own = {key: said for section in found for key, said in section.texts(text.lang).items()}
    return replace(text, texts={**own, **text.texts})
