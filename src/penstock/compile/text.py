"""YAML text that is the same on every machine and means the same to every reader.

Keys keep their order, nothing is wrapped, lists and mappings stand in block style. A text that any YAML version would
read as something else (a number, a truth value, null, a date) is quoted; YAML 1.1, which PyYAML and azure-ai-ml speak,
and 1.2 disagree about what that is.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "~", ""}
# Numbers and times of YAML 1.1 and 1.2, and what is close to one: quoting more than needed does no harm.
_NUMBER_LIKE = re.compile(r"[-+]?(\.(inf|nan)|(0[xob])?\.?\d[\da-f_.,:+\-tz ]*)", re.IGNORECASE)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - yaml's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)  # lists are indented below their key


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    lines = value.split("\n")
    style = None
    if value.lower() in _WORDS or _NUMBER_LIKE.fullmatch(value) or not all(map(str.isprintable, lines)):
        style = '"'
    elif len(lines) > 1:
        keeps_blanks = all(line == line.rstrip() for line in lines)
        style = "|" if keeps_blanks else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_text(document: dict[str, Any], comment: str) -> str:
    """The document as YAML, with `comment` as its first line."""
    text = yaml.dump(
        _plain(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=float("inf"),
    )
    return f"# {comment}\n{text}"


def _plain(value: Any) -> Any:
    """Subclasses (the client's own dictionaries and texts) as the built-in types that the dumper knows."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value
