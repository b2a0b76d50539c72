"""Where cells run: worker processes on this machine, or Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.runner.executors.base import Executor, Where


@contextmanager
def executing(where: Where) -> Iterator[Executor]:
    """An executor; its cells finish at the end, or are stopped where the block ends by an error or by Ctrl-C.

    Raises:
        harness.errors.EnvironmentProblem: the cluster cannot be reached, or has not what a cell asks for.
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
