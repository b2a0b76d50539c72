"""The method section's sentences on backbones."""

from __future__ import annotations

from harness.results.frame import Frame
from harness.results.manifest import StudyManifest
from reports.locale import Catalogue
from reports.sections.backbones import model_of, models_of_arms

_ORIGIN = ("origin", "source", "source_sha256", "architecture", "epoch", "seed")


def backbone_sentences(frame: Frame, text: Catalogue) -> list[str]:
    """Return sentences on the backbones: which ones, what replicates share, and the origin of one from a file."""
    manifest, arms = frame.manifest, models_of_arms(frame)
    model = model_of(manifest)
    said = [text("method.design.model", model=model)] if model else []
    said.append(_shared(manifest, text, "_base" if arms and manifest.backbone != "per_seed" else ""))
    if arms:
        named = [
            text("method.design.own_item", model=each, arms=text("list.comma").join(rows))
            for each, rows in arms.items()
        ]
        said.append(text(f"method.design.own_{manifest.backbone}", list=text("list.notes").join(named)))
    return said


def _shared(manifest: StudyManifest, text: Catalogue, whose: str) -> str:
    """Return what the replicates of all rows share, or of base and the arms without their own backbone."""
    given = manifest.backbone_file
    if manifest.backbone != "file":
        return text(f"method.design.{manifest.backbone}{whose}")
    unknown = text("method.design.unknown")
    origin = text(
        f"method.design.{'imported' if given.get('origin') else 'trained'}",
        **{key: given.get(key) or unknown for key in _ORIGIN},
    )
    return text(f"method.design.file{whose}", name=given["name"], checksum=given["checksum"], origin=origin)
