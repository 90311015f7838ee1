import json
import os
from pathlib import Path

import numpy as np

loaded: dict[str, np.ndarray] = {}


def init() -> None:
    loaded["weights"] = np.loadtxt(Path(os.environ["AZUREML_MODEL_DIR"], "model", "weights.txt"))


def run(raw_data: str) -> list[float]:
    rows = np.array(json.loads(raw_data)["data"])
    return [float(value) for value in rows @ loaded["weights"]]
