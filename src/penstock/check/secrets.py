"""Finds secrets in text: only what cannot be anything else, and never what stands for a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

SecretKind = Literal["key", "signature", "credential", "subscription"]


class Secret(Struct, frozen=True):
    """A secret in a text: what it is, in words, and where it begins. The secret itself is not kept."""

    kind: SecretKind
    what: str
    line: int
    column: int


class _Pattern(Struct, frozen=True):
    """`anchors`: small-letter texts, one of which stands in every match. The group `s` is the secret itself."""

    kind: SecretKind
    what: str
    anchors: tuple[bytes, ...]
    regex: re.Pattern[str]


def _pattern(kind: SecretKind, what: str, anchors: str, regex: str) -> _Pattern:
    return _Pattern(kind, what, tuple(anchors.encode().split()), re.compile(regex))


_GUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_PATTERNS = (
    _pattern("key", "a storage account's key", "accountkey=", r"(?i:AccountKey=)(?P<s>[A-Za-z0-9+/]{86}==)"),
    _pattern("key", "an account's key", "key", r"(?i:key)[\"']?\s*[:=]\s*[\"']?(?P<s>[A-Za-z0-9+/]{86}==)"),
    _pattern(
        "key",
        "a connection string's key",
        "sharedaccesskey=",
        r"(?i:SharedAccessKey=)(?P<s>[A-Za-z0-9+/]{43}=)",
    ),
    _pattern(
        "key",
        "a connection string of Application Insights",
        "instrumentationkey=",
        rf"(?i:InstrumentationKey=)(?P<s>{_GUID})",
    ),
    _pattern(
        "key",
        "a database's password",
        "password=",
        r"(?i:(?:Server|Data Source)=[^\n\"']{3,200};\s*(?:Password|Pwd)=)(?P<s>[^;\"'\s]{6,})",
    ),
    _pattern(
        "signature",
        "a shared access signature (SAS)",
        "sig=",
        r"(?<![A-Za-z])sig=(?P<s>[A-Za-z0-9%+/]{40,120}=?)",
    ),
    _pattern(
        "credential",
        "a private key",
        "-----begin",
        r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\n|\s|[\"'])*(?P<s>[A-Za-z0-9+/=]{40,})",
    ),
    _pattern(
        "credential",
        "a client secret of Microsoft Entra ID",
        "q~",
        r"(?<![\w~.-])(?P<s>[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?![\w~.-])",
    ),
    _pattern(
        "credential", "a token of GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", r"\b(?P<s>gh[pousr]_[A-Za-z0-9]{36,})(?!\w)"
    ),
    _pattern("credential", "a token of GitHub", "github_pat_", r"\b(?P<s>github_pat_[A-Za-z0-9_]{60,})"),
    _pattern("credential", "a token of Databricks", "dapi", r"\b(?P<s>dapi[0-9a-f]{32}(?:-\d)?)(?!\w)"),
    _pattern("credential", "a token of Hugging Face", "hf_", r"\b(?P<s>hf_[A-Za-z]{34})(?!\w)"),
    _pattern("credential", "a token of Azure DevOps", "azdo", r"(?<!\w)(?P<s>[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})(?!\w)"),
    _pattern("credential", "a password in a URL", "://", r"https?://[^\s/:@\"'<>]*:(?P<s>[^\s/:@\"'<>]{8,})@[\w.-]+"),
    _pattern("subscription", "a subscription id", "subscriptions/", rf"(?i:subscriptions/)(?P<s>{_GUID})"),
    _pattern(
        "subscription",
        "a subscription id",
        "subscription",
        rf"(?i:subscription[_-]?id)[\"']?\s*[:=]\s*[\"']?(?P<s>{_GUID})",
    ),
)
_STANDS_FOR = re.compile(
    r"[<>*$]|\{\{|%\(|\.\.\.|(?i:x{4}|your|example|redacted|placeholder|dummy|changeme|password|secret[-_]?here)"
)
_SIGNED = re.compile(r"\bs[evpr]=[\w%]")  # the other parts of a signed URL
_KNOWN_TO_ALL = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1"  # the key of the storage emulator, which Microsoft publishes
_VARIED = {"key": 8, "signature": 12, "credential": 6, "subscription": 5}


def secrets_in(data: bytes) -> Iterator[Secret]:
    """The secrets in a text file, each once; none in a binary one."""
    if b"\0" in data[:8192]:
        return
    small = data.lower()
    patterns = [pattern for pattern in _PATTERNS if any(anchor in small for anchor in pattern.anchors)]
    if not patterns:
        return
    text = data.decode("utf-8", "replace")
    seen: set[int] = set()
    for pattern in patterns:
        for match in pattern.regex.finditer(text):
            begin = match.start("s")
            if pattern.kind == "signature" and not _SIGNED.search(text, max(0, begin - 400), match.end() + 400):
                continue
            if begin not in seen and not _is_stand_in(match.group("s"), pattern.kind):
                seen.add(begin)
                line_begin = text.rfind("\n", 0, begin) + 1
                yield Secret(pattern.kind, pattern.what, text.count("\n", 0, begin) + 1, begin - line_begin + 1)


def _is_stand_in(value: str, kind: SecretKind) -> bool:
    """Whether a text stands for a secret: `<key>`, zeros, `${VARIABLE}`, 12345678-1234-..."""
    if _STANDS_FOR.search(value) or value.startswith(_KNOWN_TO_ALL):
        return True
    if kind == "subscription" and value.startswith(("12345678-", "01234567-", "11111111-", "00000000-")):
        return True
    return len(set(value.lower()) - {"-"}) < _VARIED[kind]
