"""Secrets are found, what stands for one is not, and no message holds one. The secrets are made up as the test runs."""

from __future__ import annotations

import base64
import hashlib
import random
import string
from pathlib import Path

import pytest
from checked_files import findings, told
from hypothesis import given
from hypothesis import strategies as st

from penstock.check.secrets import secrets_in

CHANCE = random.Random(7)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(CHANCE.choice(alphabet) for _ in range(count))


KEY = base64.b64encode(hashlib.sha512(b"x").digest()).decode()
SHORT_KEY = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
SIGNATURE = SHORT_KEY.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
GUID = "3f2b8c1d-74a9-4e06-b5d2-9c81e7f0a643"
FOUND = {
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=core.windows.net": ("key", KEY),
    f'"account_key": "{KEY}"': ("key", KEY),
    f"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey={SHORT_KEY}": ("key", SHORT_KEY),
    f"InstrumentationKey={GUID};IngestionEndpoint=x": ("key", GUID),
    "Server=tcp:a.database.windows.net;Database=d;User ID=u;Password=t0p-s3cr4t!;": ("key", "t0p-s3cr4t!"),
    f"https://a.blob.core.windows.net/c?sv=2024-11-04&se=2027-01-01&sr=c&sp=rl&sig={SIGNATURE}": (
        "signature",
        SIGNATURE,
    ),
    f"?sig={SIGNATURE}&se=2027-01-01&sp=r": ("signature", SIGNATURE),
    "-----BEGIN RSA PRIVATE KEY-----\n" + letters(64): ("credential", ""),
    f"secret = {letters(3)}8Q~{letters(34)}": ("credential", ""),
    "token: ghp_" + letters(36): ("credential", ""),
    "github_pat_" + letters(82): ("credential", ""),
    "dapi" + letters(32, "0123456789abcdef"): ("credential", ""),
    "hf_" + letters(34, string.ascii_letters): ("credential", ""),
    f"{letters(76)}AZDO{letters(4)}": ("credential", ""),
    "-f https://user:Zx81-kQ55-aa@pkgs.example.com/simple": ("credential", "Zx81-kQ55-aa"),
    f"/subscriptions/{GUID}/resourceGroups/r": ("subscription", GUID),
    f"subscription_id: {GUID}": ("subscription", GUID),
    f'SUBSCRIPTION_ID = "{GUID}"': ("subscription", GUID),
}


@pytest.mark.parametrize("text", FOUND)
def test_a_secret_is_found_where_it_begins(text: str) -> None:
    kind, secret = FOUND[text]
    (only,) = secrets_in(f"# first\nx {text}\n".encode())
    assert only.kind == kind
    assert only.line == (3 if text.startswith("-----") else 2)
    if secret:
        assert only.column == 3 + text.index(secret)
    assert not secret or secret not in only.what


@pytest.mark.parametrize(
    "text",
    [
        "AccountKey=<your key>",
        "AccountKey=${STORAGE_KEY}",
        "AccountKey=" + "x" * 86 + "==",
        "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        f"integrity: sha512-{KEY}",
        f"digest = '{KEY}'",
        "sig=" + SIGNATURE,  # nothing says that it signs a URL
        "https://a/c?sv=1&sig=<signature>",
        "Server=x;Password=<password>",
        "Server=x;Password=${PASSWORD}",
        "-----BEGIN PRIVATE KEY-----",
        "if '-----BEGIN RSA PRIVATE KEY-----' in text:",
        "ghp_" + "x" * 36,
        "https://user:${TOKEN}@example.com",
        "https://example.com:8080/x@y",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups",
        "/subscriptions/<SUBSCRIPTION_ID>/resourceGroups",
        "subscription_id: 12345678-1234-1234-1234-123456789012",
        "subscription_id: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        "subscription_id: ${SUBSCRIPTION}",
        f"run_id: {GUID}",
    ],
)
def test_what_stands_for_a_secret_is_none(text: str) -> None:
    assert list(secrets_in(text.encode())) == []


@given(st.text())
def test_any_text(text: str) -> None:
    list(secrets_in(text.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    "text", ["sig=", "key=", "https://a:", "Server=", "AccountKey=" + "a" * 80, "Q~", "-----BEGIN "]
)
def test_a_long_text_of_beginnings_takes_no_longer_than_it_is_long(text: str) -> None:
    """Twice the text must not take the square of the time: a megabyte ends at all."""
    list(secrets_in((text * (1_000_000 // len(text))).encode()))
    list(secrets_in((text.replace(" ", "") * (1_000_000 // len(text)) + "&se=1").encode()))


def test_a_binary_file_is_left_alone() -> None:
    assert list(secrets_in(b"\0" + f"AccountKey={KEY}".encode())) == []


def test_definitions_and_code_are_searched_and_nothing_is_repeated(tmp_path: Path) -> None:
    files = {
        "c.yml": "type: command\nname: c\nversion: 1\ncode: ./src\nenvironment: azureml:e:1\ncommand: >-\n"
        f"  python t.py\n  --key AccountKey={KEY}\n",
        "src/t.py": f"print(1)\nTOKEN = 'ghp_{letters(36)}'\nID = '/subscriptions/{GUID}'\n",
        "src/notes.txt": f"AccountKey={KEY}\n",
    }
    assert [line.split(" this is ")[0] for line in told(tmp_path, files, "PS7")] == [
        "PS701 c.yml:8:20",
        "PS701 src/notes.txt:1:12",
        "PS703 src/t.py:2:10",
        "PS704 src/t.py:3:22",
    ]
    text = " ".join(map(str, findings(tmp_path, files)))
    assert KEY not in text
    assert "ghp_" not in text
    assert GUID not in text


def test_an_ignored_file_is_not_uploaded_and_not_searched(tmp_path: Path) -> None:
    yml = "type: command\nname: c\nversion: 1\ncode: ./src\nenvironment: azureml:e:1\ncommand: python t.py\n"
    files = {"c.yml": yml, "src/t.py": "", "src/.env": f"AccountKey={KEY}\n", "src/.amlignore": ".env\n"}
    assert told(tmp_path, files, "PS7", "PS602") == []
