import threading
from pathlib import Path


class Held:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()

    def __str__(self):
        return Path(self.path).name


def init():
    pass


def run(mini_batch):
    return (Held(path) for path in mini_batch)
