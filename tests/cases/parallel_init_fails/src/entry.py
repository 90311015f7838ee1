def init():
    raise KeyError("no model")


def run(mini_batch):
    return mini_batch
