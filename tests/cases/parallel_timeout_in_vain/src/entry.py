import time


def init():
    pass


def run(mini_batch):
    time.sleep(600)
