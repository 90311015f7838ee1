"""What is installed from the wheel: the toolchain and the package that steps share, typed, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_both_packages(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"penstock", "penstock_steps"}
    wanted = {
        "penstock/py.typed",
        "penstock/cli/main.py",
        "penstock/check/explain/PS204.yml",
        "penstock_steps/py.typed",
        "penstock_steps/lineage.py",
    }
    assert wanted <= set(names)
    assert not [name for name in names if "__pycache__" in name]
