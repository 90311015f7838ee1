"""Whatever is sent: a right answer, or a 4xx with a reason; never a 5xx, never a worker that hangs."""

from __future__ import annotations

import json
import socket
import warnings
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings

if TYPE_CHECKING:
    from conftest import Served  # type: ignore[attr-defined]

NAMES = ("numbers", "texts")
EACH = 60  # examples of requests that are as the page says, and as many that are not


def pids(served: Served) -> set[int]:
    assert served.deployment.server is not None
    return {child.pid for child in psutil.Process(served.deployment.server.pid).children()}


def is_fine(answer: requests.Response, rows: int | None = None) -> None:
    """A prediction for each row, or a refusal that says why."""
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"
    body = answer.json()
    assert "Traceback" not in answer.text
    if answer.status_code == 200:
        assert isinstance(body, list)
        assert rows is None or len(body) == rows
    else:
        assert body.get("error") or body.get("message"), body


@pytest.mark.parametrize("name", NAMES)
def test_requests_made_from_the_page(served: dict[str, Served], name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis

    one = served[name]
    workers = pids(one)
    page = requests.get(f"{one.url}/swagger.json", params={"version": "3"}, timeout=30).json()
    operation = schemathesis.openapi.from_dict(page)["/score"]["POST"]
    sent: list[int] = []

    def ask(case: Any) -> None:
        line = case.as_transport_kwargs(base_url=one.url)
        line["headers"] = {**line["headers"], "Authorization": f"Bearer {one.key}"}
        answer = requests.request(**line, timeout=60)
        sent.append(answer.status_code)
        is_fine(answer)

    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        chosen = settings(max_examples=EACH, deadline=None, suppress_health_check=checks, database=None)
        chosen(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    assert len(sent) >= 100
    assert 200 in sent
    assert any(status >= 400 for status in sent)
    assert one.post(json=one.sample).json() == pytest.approx(one.answer)
    assert pids(one) == workers, "no worker has ended, or was ended for being silent"


def table(served: Served, **changes: Any) -> str:
    return json.dumps({"input_data": {**served.sample["input_data"], **changes}})


def with_value(served: Served, value: Any) -> str:
    data = json.loads(json.dumps(served.sample["input_data"]["data"]))
    data[0][0] = value
    return table(served, data=data)


def more_columns(served: Served) -> str:
    sample = served.sample["input_data"]
    return table(served, columns=[*sample["columns"], "extra"], data=[[*row, "x"] for row in sample["data"]])


# name -> the body, the status, and what the refusal is about; or the headers too
ODD: dict[str, Any] = {
    "50 MB": (lambda _: b" " * 50_000_000, 413, "more than 16777216 bytes"),
    "50 MB of rows": (lambda one: table(one, data=one.sample["input_data"]["data"] * 900_000), 413, "several requests"),
    "deep JSON": (lambda _: b"[" * 200_000, 400, "nested too deeply"),
    "deep object": (lambda one: with_value(one, "@").replace('"@"', '{"a":' * 900 + "1" + "}" * 900), 400, "takes"),
    "NaN": (lambda one: with_value(one, float("nan")), 400, "NaN is not JSON"),
    "Infinity": (lambda one: with_value(one, float("inf")), 400, "Infinity is not JSON"),
    "a number beyond doubles": (
        lambda one: with_value(one, "@").replace('"@"', "1e999"),
        400,
        "takes a number or null",
    ),
    "an integer of 400 digits": (lambda one: with_value(one, 10**400), 400, "takes a number or null"),
    "an integer of 5,000 digits": (lambda one: with_value(one, "@").replace('"@"', "9" * 5000), 400, "not JSON"),
    "text for a number": (lambda one: with_value(one, "x"), 400, "takes a number or null"),
    "a list for a number": (lambda one: with_value(one, [1]), 400, "takes a number or null, not a list"),
    "true for a number": (lambda one: with_value(one, True), 400, "takes a number or null, not true"),
    "a column missing": (lambda one: table(one, columns=["area"], data=[[1]]), 400, "these columns are missing"),
    "a column twice": (lambda one: table(one, columns=["area", "area"], data=[[1, 2]]), 400, "more than once"),
    "a column more": (more_columns, 200, ""),
    "no rows": (lambda one: table(one, data=[], index=[]), 200, ""),
    "rows that are no lists": (lambda one: table(one, data=[1, 2]), 400, "must be a list of"),
    "columns that are no names": (lambda one: table(one, columns=[1, 2]), 400, "names"),
    "unicode": (lambda one: with_value(one, "Tromsø \u0000 🌊 \u202e"), 400, "takes a number or null"),
    "half a surrogate": (lambda one: with_value(one, "@").replace("@", "\\ud800"), 400, "takes a number or null"),
    "no body": (lambda _: b"", 400, "not JSON"),
    "not UTF-8": (lambda _: b'{"input_data": "\xff"}', 400, "UTF-8"),
    "null": (lambda _: b"null", 400, "input_data"),
    "a list": (lambda _: b"[]", 400, "input_data"),
    "not JSON": (lambda _: b"{", 400, "not JSON"),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_requests(served: dict[str, Served], odd: str) -> None:
    one = served["numbers"]
    body, status, told = ODD[odd]
    answer = one.post(data=body(one))
    is_fine(answer)
    assert answer.status_code == status, answer.text[:500]
    assert told in answer.text
    if odd == "a column more":
        assert answer.json() == pytest.approx(one.answer)


def test_a_refusal_names_the_field(served: dict[str, Served]) -> None:
    refused = served["texts"].post(data=with_value(served["texts"], "x"))
    assert refused.status_code == 400
    assert refused.json() == {
        "status": 400,
        "field": "input_data.data[0][0]",
        "error": "the column 'area' takes a number or null, not \"x\"",
    }


def test_a_null_that_the_model_cannot_take_is_named(served: dict[str, Served]) -> None:
    one = served["texts"]
    row = [None] * len(one.sample["input_data"]["columns"])
    is_fine(one.post(data=table(one, data=[row], index=[0])), rows=1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic {key}"}, 401),
        ({"Authorization": "Bearer {key}x"}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Authorization": "bearer {key}"}, 200),
    ],
)
def test_keys(served: dict[str, Served], headers: dict[str, str], status: int) -> None:
    one = served["numbers"]
    filled = {name: value.format(key=one.key).encode("latin-1") for name, value in headers.items()}
    answer = one.post(json=one.sample, headers=filled)
    assert answer.status_code == status, answer.text
    if status == 401:
        assert "key" in answer.json()["error"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert one.key not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/score", 405),
        ("HEAD", "/score", 405),
        ("PUT", "/score", 405),
        ("OPTIONS", "/score", 200),
        ("GET", "/x", 404),
    ],
)
def test_other_methods_and_paths(served: dict[str, Served], method: str, path: str, status: int) -> None:
    one = served["numbers"]
    headers = {"Authorization": f"Bearer {one.key}"}
    query = {"input_data": json.dumps(one.sample["input_data"])}
    answer = requests.request(method, one.url + path, headers=headers, params=query, timeout=30)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def raw(served: Served, after_head: bytes, headers: str = "", *, ended: bool = False) -> requests.Response:
    """What is answered to bytes that no client library would send; `ended`: nothing more will come."""
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = f"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n{headers}\r\n"
        connection.sendall(head.encode() + after_head)
        if ended:
            connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    found = requests.Response()
    line, _, rest = answer.partition(b"\r\n")
    found.status_code, found._content = int(line.split()[1]), rest.partition(b"\r\n\r\n")[2]
    return found


def chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


CHUNKED = "Transfer-Encoding: chunked\r\n"


def test_bodies_in_parts(served: dict[str, Served]) -> None:
    one = served["numbers"]
    good = raw(one, chunks(json.dumps(one.sample).encode()), CHUNKED)
    assert good.json() == pytest.approx(one.answer)
    for broken, ended in ((b"zz\r\n", False), (b"5\r\n{", True)):
        refused = raw(one, broken, CHUNKED, ended=ended)
        is_fine(refused)
        assert refused.status_code == 400
    short = raw(one, b"{", "Content-Length: 5000\r\n", ended=True)
    assert short.status_code == 400


def test_without_a_key_nothing_of_a_body_matters(served: dict[str, Served]) -> None:
    one = replace(served["numbers"], key="wrong")
    assert raw(one, b"zz\r\n", CHUNKED).status_code == 401
    assert one.post(data=b" " * 50_000_000).status_code == 401


def test_the_limit_counts_bytes(served: dict[str, Served]) -> None:
    text = '{"input_data": {"x": "' + "\U0001f30a" * 5_000_000 + '"}}'
    assert len(text) < 16 * 1024 * 1024 < len(text.encode())
    assert served["numbers"].post(data=text.encode()).status_code == 413


def test_a_refusal_is_short_though_the_request_was_long(served: dict[str, Served]) -> None:
    one = served["numbers"]
    for body in (
        with_value(one, "x" * 1_000_000),
        table(one, columns=["x" * 1_000_000], data=[[1]]),
        table(one, columns=["x" * 1_000_000] * 2, data=[[1, 2]]),
        json.dumps({"x" * 1_000_000: 1}),
    ):
        refused = one.post(data=body)
        assert refused.status_code == 400
        assert len(refused.content) < 2000


def test_who_is_silent_keeps_nobody_from_being_answered(served: dict[str, Served]) -> None:
    one = served["numbers"]
    port, workers = int(one.url.rpartition(":")[2]), pids(one)
    with ExitStack() as clients:
        silent = [clients.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)]
        assert one.post(json=one.sample).json() == pytest.approx(one.answer)
        for client in silent:  # not one was waited for, and given up
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        for client in silent[: len(workers)]:
            client.sendall(b"POST /score HTTP/1.1\r\nHost: x\r\n")
        assert one.post(json=one.sample).json() == pytest.approx(one.answer), "who stops in the middle is given up"
    assert pids(one) == workers, "no worker was ended for waiting"


def test_health_and_both_pages_need_no_key(served: dict[str, Served]) -> None:
    one = served["numbers"]
    assert requests.get(one.url, timeout=30).text == "Healthy"
    for version, key in (("2", "swagger"), ("3", "openapi")):
        page = requests.get(f"{one.url}/swagger.json", params={"version": version}, timeout=30).json()
        assert page[key].startswith(version)
        assert set(page["paths"]) == {"/", "/score"}


def test_many_rows_are_answered_in_their_order(served: dict[str, Served]) -> None:
    one = served["numbers"]
    sample = one.sample["input_data"]
    data = [[float(number), 3, 2.0] for number in range(2000)]
    columns = ["area", "rooms", "floor"]
    assert set(columns) == set(sample["columns"])
    body = {"input_data": {"columns": columns, "data": data}}
    answer = one.post(json=body).json()
    assert len(answer) == 2000
    singles = [one.post(json={"input_data": {"columns": columns, "data": [data[n]]}}).json()[0] for n in (0, 777, 1999)]
    assert [answer[0], answer[777], answer[1999]] == pytest.approx(singles)
