"""What `make secrets` finds, and that lock files say nothing of where packages came from."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOOK = Path(sys.executable).with_name("detect-secrets-hook")
KEY = base64.b64encode(bytes(range(7, 71))).decode()
PLANTED = {
    "stage.yml": f"connection: DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}\n",
    "login.py": f'password = "{KEY[:24]}"\n',
    "log.txt": "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9." + base64.b64encode(b'{"sub": "me"}').decode() + ".c2ln\n",
    "identity.pem": "-----BEGIN RSA PRIVATE" + " KEY-----\n",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(PLANTED[name])
    (tmp_path / "clean.yml").write_text("name: diabetes\n")
    done = subprocess.run(
        [HOOK, "--baseline", ROOT / ".secrets.baseline", tmp_path / name, tmp_path / "clean.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert name in done.stdout
    assert "clean.yml" not in done.stdout


def test_lock_files_have_no_address_of_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    locks = [name for name in listed if Path(name).name == "package-lock.json" or "requirements" in Path(name).name]
    assert any("package-lock" in name for name in locks)
    for name in locks:
        text = (ROOT / name).read_text()
        assert '"resolved"' not in text, name
        assert "--index-url" not in text, name
        assert not any(word in text for word in ("registry.npmjs", "pypi.org", "files.pythonhosted", "://localhost")), (
            name
        )
