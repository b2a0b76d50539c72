"""Where cells run: worker processes on this machine, or Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.runner.executors.base import Executor, Where


@contextmanager
def executing(where: Where) -> Iterator[Executor]:
    """Yield an executor; at the end its cells finish, or are stopped if the block ends by an error or by Ctrl-C.

    Raises:
        harness.errors.EnvironmentProblem: the cluster cannot be reached, or lacks the resources that a cell needs.
    """
    if where.executor == "local":
        from harness.runner.executors.local import LocalExecutor

        executor: Executor = LocalExecutor(where.workers)
    else:
        from harness.runner.executors.ray import RayExecutor

        executor = RayExecutor(where)
    try:
        yield executor
        executor.close()
    except BaseException:
        executor.stop()
        raise
