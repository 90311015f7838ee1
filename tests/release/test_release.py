"""Releases, failed ones and rollbacks, with 200 requests a second from another process: not one may fail.

The tests of this module are one story: each begins with what the one before has left.
"""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Shop, Traffic, rounded

STAGING, PROD = "rent-staging", "rent-prod"
DONE, FAILED, WRONG = 0, 1, 2


def score_py(*edits: tuple[str, str]) -> Callable[[Path], None]:
    """A change of a package's scoring script."""

    def change(package: Path) -> None:
        path = package / "score.py"
        text = path.read_text()
        for before, after in edits:
            assert before in text
            text = text.replace(before, after)
        path.write_text(text)

    return change


def unharmed(traffic: Traffic, *answers: str) -> None:
    """Every request was answered, each with one of these answers."""
    assert traffic.sent > 20
    assert traffic.failed == []
    assert rounded(traffic.answers) <= set(answers)


def test_prod_takes_nothing_that_has_not_passed_staging(shop: Shop) -> None:
    ended = shop.release(shop.packages["1"], "prod")
    assert ended.code == FAILED
    assert "prod takes only what has passed staging" in ended.stderr
    assert f"penstock release {shop.packages['1']} --to staging" in ended.stderr
    assert shop.roles()["1"] == "retired", "a release out of turn says nothing against the version"


def test_a_first_release_is_served_where_it_says(shop: Shop) -> None:
    for stage in ("staging", "prod"):
        ended = shop.release(shop.packages["1"], stage, "--format", "json")
        assert ended.code == DONE, ended.stderr
        told = ended.json
        assert (told["status"], told["version"], told["stage"]) == ("serving", "1", stage)
        answer = subprocess.run(["sh", "-c", told["curl"]], capture_output=True, text=True, check=True).stdout
        assert rounded({answer: 1}) == {shop.answer_of("1")}
        assert stat.S_IMODE(Path(told["key_file"]).stat().st_mode) == 0o600
        key = Path(told["key_file"]).read_text().split()[0]
        assert key not in ended.stdout + ended.stderr
    assert shop.bench.champion_version() == "1", "what prod serves, though the second version is registered"


def test_a_version_leads_to_where_it_is_served(shop: Shop) -> None:
    served = shop.penstock("show", "rent:1", "--format", "json").json["served"]
    assert [one["endpoint"] for one in served] == [PROD, STAGING]
    url = shop.endpoint(PROD)["url"]
    assert f"{PROD}, at {url}" in shop.penstock("show", "rent:1").stdout
    assert shop.penstock("show", "rent:2", "--format", "json").json["served"] == []


def test_an_endpoint_does_what_the_contract_says(shop: Shop) -> None:
    ended = shop.penstock("smoke", PROD, "--format", "json")
    assert ended.code == DONE
    assert ended.json["passed"]
    names = {check["check"] for check in ended.json["checks"]}
    assert {"health", "the input example", "no JSON", "without a key", "with a wrong key", "latency"} <= names


def test_a_new_version_takes_over_without_a_failed_request(shop: Shop) -> None:
    assert shop.release(shop.packages["2"], "staging").code == DONE
    with shop.traffic(PROD) as traffic:
        ended = shop.release(shop.packages["2"], "prod", "--format", "json")
    assert ended.code == DONE, ended.stderr
    unharmed(traffic, shop.answer_of("1"), shop.answer_of("2"))
    assert len(traffic.answers) == 2, "both have answered"
    assert (ended.json["version"], ended.json["previous"]) == ("2", "1")
    assert shop.bench.champion_version() == "2"
    with shop.traffic(PROD, 20) as after:
        shop.penstock("endpoints")
    assert rounded(after.answers) == {shop.answer_of("2")}


def test_what_is_served_already_is_not_released_again(shop: Shop) -> None:
    before = shop.endpoint(PROD)
    ended = shop.release(shop.packages["2"], "prod")
    assert ended.code == DONE
    assert "version 2 of rent is served there already" in ended.stderr
    assert shop.endpoint(PROD) == before


def _poisoned(package: Path) -> None:
    path = package / "contract.json"
    contract = json.loads(path.read_text())
    contract["latency_budget_ms"] = 25
    path.write_text(json.dumps(contract))
    score_py(
        ("def run(request: Any) -> Any:\n", "def run(request: Any) -> Any:\n    __import__('time').sleep(0.06)\n")
    )(package)


BAD = {
    "nonsense": (
        score_py(("return list(answer.tolist())", "return [0.0 for _ in answer.tolist()]")),
        "it fails the smoke test, 3 of",
        "the model itself says",
    ),
    "crashes on load": (
        score_py(("    KEYS = _keys()\n", "    KEYS = _keys()\n    raise OSError('no such device')\n")),
        "it does not start",
        "no such device",
    ),
    "slow": (_poisoned, "it fails the smoke test, 1 of", "the budget is 25 ms"),
    "lets everybody in": (
        score_py(("    if not KEYS:\n        return\n", "    return\n")),
        "it fails the smoke test, 2 of",
        "without a key: the status is 200, not 401",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_package_never_serves(shop: Shop, name: str) -> None:
    change, *reasons = BAD[name]
    package = shop.changed(name.replace(" ", "-"), change)
    with shop.traffic(STAGING) as traffic:
        ended = shop.release(package, "staging")
    assert ended.code == FAILED
    assert all(reason in ended.stderr for reason in [*reasons, "version 2 goes on serving there"]), ended.stderr
    unharmed(traffic, shop.answer_of("2"))
    assert shop.bench.champion_version() == "2"
    assert shop.roles()[max(shop.roles(), key=int)] == "withdrawn"
    assert shop.endpoint(STAGING)["history"][-1]["what"] == "failed"


def test_a_package_that_fails_under_traffic_is_taken_back(shop: Shop, tmp_path: Path) -> None:
    """What its contract does not ask, others do: their requests fail while it is watched, and no longer."""
    known = "    return list(answer.tolist())"
    rare = f"    if data[0][0] == 999999:\n        raise KeyError('rare')\n{known}"
    package = shop.changed("rarely", score_py((known, rare)))
    body = tmp_path / "body.json"
    body.write_text('{"input_data": {"columns": ["area", "rooms", "floor"], "data": [[999999, 1, 1]]}}')
    with shop.traffic(STAGING, 50, body):
        ended = shop.release(package, "staging")
    assert ended.code == FAILED
    assert "under traffic it has answered" in ended.stderr
    with shop.traffic(STAGING, 50, body) as after:
        assert shop.endpoint(STAGING)["version"] == "2"
    assert after.failed == []
    assert shop.bench.champion_version() == "2"


def test_a_package_that_is_bad_in_prod_only_never_serves(shop: Shop) -> None:
    in_prod = "return [0.0 if 'prod' in os.environ['PENSTOCK_ENDPOINT'] else one for one in answer.tolist()]"
    package = shop.changed("in-prod", score_py(("return list(answer.tolist())", in_prod)))
    assert shop.release(package, "staging").code == DONE
    with shop.traffic(PROD) as traffic:
        ended = shop.release(package, "prod")
    assert ended.code == FAILED
    assert "the model itself says" in ended.stderr
    unharmed(traffic, shop.answer_of("2"))
    assert shop.bench.champion_version() == "2"
    assert shop.penstock("rollback", STAGING).code == DONE
    assert shop.endpoint(STAGING)["version"] == "2"


@pytest.mark.parametrize("also_manifest", [False, True])
def test_a_package_that_was_tampered_with_never_serves(shop: Shop, also_manifest: bool) -> None:
    package = shop.changed(f"tampered-{also_manifest}", lambda _: None)
    score_py(("return list(answer.tolist())", "return [0.0 for _ in answer.tolist()]"))(package)
    if also_manifest:
        from penstock_steps.manifest import bytes_digest

        path = package / "manifest.json"
        document = json.loads(path.read_text())
        document["files"]["score.py"] = bytes_digest((package / "score.py").read_bytes())
        path.write_text(json.dumps(document))
    with shop.traffic(STAGING) as traffic:
        ended = shop.release(package, "staging")
    assert ended.code == FAILED
    assert (
        "manifest.json is another one than the registry" if also_manifest else "score.py was changed"
    ) in ended.stderr
    unharmed(traffic, shop.answer_of("2"))
    assert shop.bench.champion_version() == "2"


@pytest.mark.parametrize("only_if", ["failing", "unfinished"])
def test_a_version_that_does_what_it_should_is_not_taken_back(shop: Shop, only_if: str) -> None:
    ended = shop.penstock("rollback", PROD, "--if", only_if, "--format", "json")
    assert ended.code == DONE, ended.stderr
    assert ended.json["version"] == shop.endpoint(PROD)["version"] == "2"


def test_a_rollback_brings_back_what_was_served_before(shop: Shop) -> None:
    with shop.traffic(PROD) as traffic:
        ended = shop.penstock("rollback", PROD, "--format", "json")
    assert ended.code == DONE, ended.stderr
    unharmed(traffic, shop.answer_of("1"), shop.answer_of("2"))
    assert (ended.json["version"], ended.json["previous"]) == ("1", None)
    assert shop.bench.champion_version() == "1"
    assert (shop.roles()["1"], shop.roles()["2"]) == ("champion", "withdrawn")
    again = shop.penstock("rollback", PROD)
    assert again.code == FAILED
    assert "there is nothing to go back to" in again.stderr
    refused = shop.release(shop.packages["2"], "prod")
    assert refused.code == FAILED
    assert "has not" in refused.stderr, "what was rolled back has to pass staging again"


def test_a_stopped_endpoint_starts_at_the_same_address(shop: Shop) -> None:
    before = shop.endpoint(PROD)
    assert shop.penstock("endpoints", "stop", PROD).code == DONE
    assert shop.endpoint(PROD)["status"] == "stopped"
    assert shop.penstock("smoke", PROD).code == FAILED
    ended = shop.penstock("endpoints", "start", PROD, "--format", "json")
    assert ended.code == DONE, ended.stderr
    assert (ended.json["url"], ended.json["version"]) == (before["url"], before["version"])
    assert shop.penstock("smoke", PROD).code == DONE
    elsewhere = shop.penstock("endpoints", "start", PROD, "--port", "1")
    assert elsewhere.code == FAILED
    assert "stop it before it moves to 1: penstock endpoints stop rent-prod" in elsewhere.stderr


def test_nothing_is_left_when_all_is_stopped(shop: Shop) -> None:
    from penstock.release import processes

    assert shop.penstock("endpoints", "stop", "--all").code == DONE
    for name in (STAGING, PROD):
        assert processes.belonging_to(shop.workspace / "endpoints" / name) == []
    assert {one["status"] for one in shop.penstock("endpoints", "--format", "json").json} == {"stopped"}
