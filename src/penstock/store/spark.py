"""Apache Spark on this machine: a pyspark and a Java.

Spark brings pins that few other steps can live with, so it may stand in an environment of its own, whose name is that
of this interpreter's with `-spark` behind it: `.venv-spark` beside `.venv`, which `make setup-spark` makes. An
interpreter that has pyspark itself is used as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct

from penstock.store.host import distributions

SETUP = "`make setup-spark` installs it"
_LEAST_JAVA, _MOST_JAVA = 8, 17


class Spark(Struct, frozen=True):
    """A Spark that can be started.

    Attributes:
        home: its folder (SPARK_HOME).
        programs: the folder of the interpreter that it belongs to.
        packages: the versions of the distributions installed with it.
        interpreter: one line that changes when that or any of these does.
    """

    home: Path
    programs: Path
    packages: Mapping[str, str]
    interpreter: str

    @property
    def version(self) -> str:
        return self.packages.get("pyspark", "")


@cache
def local_spark() -> Spark | None:
    """This interpreter's Spark, else that of the environment beside it."""
    prefix = Path(sys.prefix)
    return spark_of(Path(sys.executable).parent) or spark_of(prefix.with_name(prefix.name + "-spark") / "bin")


def spark_of(programs: Path) -> Spark | None:
    """The Spark of the environment whose programs are in a folder."""
    for home in sorted((programs.parent / "lib").glob("python3*/site-packages/pyspark")):
        if (home / "bin" / "spark-submit").is_file() and (home / "jars").is_dir():
            found = distributions([str(home.parent)])
            listed = "\n".join(sorted(f"{name} {version}" for name, version in found.items()))
            digest = hashlib.sha256(listed.encode()).hexdigest()
            python = home.parents[1].name
            return Spark(home, programs, found, f"{python} {os.uname().machine} packages {digest}")
    return None


def lacking() -> str | None:
    """What this machine lacks for Spark, in words; None if it has all."""
    if local_spark() is None:
        return "pyspark is not installed here"
    java = _java()
    if java is None:
        return "there is no Java runtime here (neither JAVA_HOME nor `java`)"
    version = _version_of(java)
    if version is None or not _LEAST_JAVA <= version <= _MOST_JAVA:
        return f"{java} is Java {version or 'of no known version'}; Spark 3.5 runs on {_LEAST_JAVA} to {_MOST_JAVA}"
    return None


def _java() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        return program if program.is_file() else None
    found = shutil.which("java")
    return Path(found) if found is not None else None


@cache
def _version_of(java: Path) -> int | None:
    """The major version of a Java: from the `release` file beside it, else as it says itself."""
    release = java.resolve().parents[1] / "release"
    text = release.read_text(encoding="utf-8") if release.is_file() else ""
    if "JAVA_VERSION" not in text:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
        text = said.stderr + said.stdout
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else None
