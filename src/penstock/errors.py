"""Whose fault it is shows in the type, and the type decides the exit code.

0 done · 1 a step failed or a gate said no · 2 the definition or the command line is wrong · 3 a bug of ours ·
130 cancelled.
"""

from __future__ import annotations


class PenstockError(Exception):
    """Whatever penstock tells in one message instead of a traceback."""

    exit_code = 3


class DefinitionError(PenstockError):
    """A definition (a YAML file, a pipeline in Python) or an option is wrong: nothing has been started."""

    exit_code = 2


class RunError(PenstockError):
    """A step failed, a gate said no, or what a run needs of this machine is missing."""

    exit_code = 1
