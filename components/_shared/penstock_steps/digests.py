"""Content digests of files and folders, written as `sha256:<64 hex digits>`.

The digest of a file is the SHA-256 of its bytes (FIPS 180-4). The digest of a folder is the SHA-256 of one line
per file, `<file digest>  <path relative to the folder, with slashes>` in the order of the paths' UTF-8 bytes: what
`sha256sum` prints, so it can be checked by hand. `lineage.json` at the top of a folder is left out: it records the
digest of the folder that it lies in.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

LINEAGE_FILE = "lineage.json"


def file_digest(path: Path) -> str:
    """Digest of one file's bytes. Raises OSError if the file cannot be read."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def bytes_digest(content: bytes) -> str:
    """Digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def text_digest(text: str) -> str:
    """Digest of a text's UTF-8 bytes."""
    return bytes_digest(text.encode())


def folder_files(folder: Path) -> dict[str, Path]:
    """Every file below `folder` by its relative path with slashes, in digest order; not the folder's lineage.json."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    files.pop(LINEAGE_FILE, None)
    return dict(sorted(files.items(), key=lambda item: item[0].encode()))


def content_digest(path: Path) -> str:
    """Digest of a file or a folder, whichever `path` is. Raises FileNotFoundError if it is neither."""
    if path.is_dir():
        lines = (f"{file_digest(file).removeprefix('sha256:')}  {name}\n" for name, file in folder_files(path).items())
        return text_digest("".join(lines))
    return file_digest(path)
