import subprocess
import time
from pathlib import Path


def init():
    print("init called")


def run(mini_batch):
    name = Path(mini_batch[0]).name
    if name == "b.txt" and not Path("tried").exists():
        Path("tried").touch()
        subprocess.Popen(["sh", "-c", "sleep 2; touch left_over"])
        time.sleep(600)
    return [name]
