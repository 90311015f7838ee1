"""What a step says when its inputs are wrong: one message for a person, exit code 1, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable


class StepError(Exception):
    """An input, a parameter or the state of the registry is not what the step needs.

    The message names the object, says what is wrong and what to do about it.
    """


def run_step(main: Callable[[], None]) -> None:
    """Run an entry point; a `StepError` becomes its message on stderr and exit code 1.

    Any other exception is a bug of the step and keeps its traceback.
    """
    try:
        main()
    except StepError as error:
        print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201 - the step's last word
        raise SystemExit(1) from None
