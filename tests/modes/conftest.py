"""Studies from text and a small planted study, as in the tests of the study file and of the runner."""

from tests.runner.conftest import bench
from tests.study.conftest import everything, mistakes_in, study_from

__all__ = ["bench", "everything", "mistakes_in", "study_from"]
