def init():
    pass


def run(mini_batch):
    print(f"{type(mini_batch).__name__} of {len(mini_batch)}, columns {list(mini_batch.columns)}")
    return mini_batch
