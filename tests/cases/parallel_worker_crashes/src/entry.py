import os
import signal


def init():
    pass


def run(mini_batch):
    os.kill(os.getpid(), signal.SIGSEGV)
