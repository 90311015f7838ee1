"""Runs several processes as one step: if one fails, the others are ended. Standard library alone.

Orders: {"command": [...], "processes": [{"name", "folder", "environment", "log"}]}. What they print comes line by
line to this process's output, with the name before it if there are several, and as it is to the log of each.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any

GRACE_S = 5.0
LONGEST_LINE = 1 << 16


class Member:
    """A process with the pipe of its output."""

    def __init__(self, command: list[str], orders: dict[str, Any], *, labelled: bool) -> None:
        self.name = orders["name"]
        self.label = f"[{self.name}] ".encode() if labelled else b""
        self.log = open(orders["log"], "wb")
        self.process = subprocess.Popen(
            command,
            cwd=orders["folder"],
            env={**os.environ, **orders["environment"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout is not None
        self.pipe = self.process.stdout
        os.set_blocking(self.pipe.fileno(), False)
        self.rest = b""

    def pump(self) -> bool:
        """Pass on what has come; False at the end of it."""
        try:
            data = os.read(self.pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return True
        self.log.write(data)
        self.log.flush()
        *lines, self.rest = (self.rest + data).split(b"\n")
        if not data or len(self.rest) > LONGEST_LINE:
            lines += [self.rest] if self.rest else []
            self.rest = b""
        out = b"".join(self.label + line + b"\n" for line in lines)
        if out:
            sys.stdout.buffer.write(out)
            sys.stdout.buffer.flush()
        return bool(data)


def main(path: str) -> int:
    """Run what the orders say; the exit code is that of the first process that failed."""
    with open(path, encoding="utf-8") as file:
        orders = json.load(file)
    asked_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    several = len(orders["processes"]) > 1
    members = [Member(orders["command"], each, labelled=several) for each in orders["processes"]]
    return watch(members, asked_to_end)


def watch(members: list[Member], asked_to_end: list[int]) -> int:
    """Wait for all of them, or for the first failure and then a while."""
    selector = selectors.DefaultSelector()
    for member in members:
        selector.register(member.pipe, selectors.EVENT_READ, member)
    failure = 0
    give_up: float | None = None
    while True:
        for key, _ in selector.select(0.1):
            if not key.data.pump():
                selector.unregister(key.fileobj)
        ended = [member for member in members if member.process.poll() is not None]
        failed = next((member for member in ended if member.process.returncode != 0), None)
        if failed is not None and give_up is None:
            code = failed.process.returncode
            failure = code if code > 0 else 128 - code
            give_up = end_others(members, failed, asked_to_end)
        if give_up is None and asked_to_end:
            failure, give_up = 128 + signal.SIGTERM, time.monotonic() + GRACE_S
        if len(ended) == len(members):
            drain(selector)
            return failure
        if give_up is not None and time.monotonic() > give_up:
            return failure  # the engine ends what is left of the group


def end_others(members: list[Member], failed: Member, asked_to_end: list[int]) -> float:
    """Tell the others to end; returns when to wait for them no longer."""
    others = sum(member.process.poll() is None for member in members)
    if others:
        sys.stdout.write(f"process {failed.name} failed ({failed.process.returncode}); ending the other {others}\n")
        sys.stdout.flush()
        os.killpg(0, signal.SIGTERM)
        asked_to_end.clear()
    return time.monotonic() + GRACE_S


def drain(selector: selectors.BaseSelector) -> None:
    """Pass on what the last of them printed."""
    for key in list(selector.get_map().values()):
        while key.data.pump():
            if not selector.select(0):
                break


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
