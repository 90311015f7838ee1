"""Ends what steps started outside their process group (a daemon, a `setsid`).

On Linux the engine makes itself the "child subreaper" (prctl(2)), so that such processes become its own children when
their parents end; they are known by AZUREML_ROOT_RUN_ID in their environment. Elsewhere only process groups are
ended.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_PR_SET_CHILD_SUBREAPER = 36
RUN_VARIABLE = "AZUREML_ROOT_RUN_ID"


@contextmanager
def adopting(run: str) -> Iterator[None]:
    """Adopt orphans while a run goes on, and kill those of this run at its end."""
    adopted = sys.platform == "linux" and _set_subreaper(1)
    try:
        yield
    finally:
        if adopted:
            _kill_remaining(run)
            _set_subreaper(0)


def end_all_of(run: str, groups: Iterable[int]) -> None:
    """Kill these process groups, and every process of this machine that has the run's variable in its environment."""
    import psutil

    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(RUN_VARIABLE) == run:
                process.kill()


def _set_subreaper(value: int) -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, value, 0, 0, 0) == 0)


def _kill_remaining(run: str) -> None:
    while _any_child():
        import psutil

        own = [process for process in psutil.Process().children(recursive=True) if _belongs(process, run)]
        for process in own:
            process.kill()
        if not psutil.wait_procs(own, timeout=1)[0]:
            return


def _any_child() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _belongs(process: object, run: str) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)  # noqa: S101 - narrows the type
    try:
        return process.status() == psutil.STATUS_ZOMBIE or process.environ().get(RUN_VARIABLE) == run
    except psutil.Error:
        return False
