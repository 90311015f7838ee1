def init():
    pass


def run(mini_batch):
    print(mini_batch)
