"""Traffic from another process: `python load.py URL KEY_FILE BODY_FILE PER_SECOND`, until its stdin is closed.

Requests are sent when they are due, whether or not those before have been answered, each on a connection of its own. A
server that cannot keep up has at most a second's worth of them to answer: more would not ask more of it, but wait until
they time out. At the end it prints
`{"sent": n, "failed": [what went wrong, ...], "answers": {answer: how often}, "slowest_s": seconds}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0


class Load:
    """What was sent and what came back."""

    def __init__(self, url: str, key: str, body: bytes) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {key}\r\n"
        self.request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self.sent = 0
        self.failed: list[str] = []
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0

    async def ask(self) -> None:
        began = time.perf_counter()
        try:
            answer = await asyncio.wait_for(self._answer(), _TIMEOUT_S)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            self.failed.append(f"{type(error).__name__}: {error}")
        else:
            self.answers[answer] += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)

    async def _answer(self) -> str:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(self.request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
            body = (await reader.readexactly(length)).decode()
        finally:
            writer.close()
        status = head.split(" ", 2)[1]
        if status != "200":
            raise ValueError(f"{status} {body}")
        return body

    async def until(self, end: asyncio.Event, per_second: float) -> None:
        began, running = time.perf_counter(), set[asyncio.Task[None]]()
        while not end.is_set():
            task = asyncio.create_task(self.ask())
            running.add(task)
            task.add_done_callback(running.discard)
            self.sent += 1
            await asyncio.sleep(max(0.0, began + self.sent / per_second - time.perf_counter()))
            if len(running) >= per_second:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*running)


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    url, key, body, per_second = sys.argv[1:5]
    load = Load(url, Path(key).read_text().splitlines()[0], Path(body).read_bytes())
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), end.set)
    tell("sending")
    await load.until(end, float(per_second))
    told = {"sent": load.sent, "failed": load.failed, "answers": load.answers, "slowest_s": round(load.slowest, 3)}
    tell(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
