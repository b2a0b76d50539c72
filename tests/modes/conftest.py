"""Studies from text, as in the tests of the study file."""

from tests.study.conftest import everything, mistakes_in, study_from

__all__ = ["everything", "mistakes_in", "study_from"]
