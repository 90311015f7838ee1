from pathlib import Path


def init():
    pass


def run(mini_batch, mini_batch_context):
    return [f"{mini_batch_context.partition_key_value} {[Path(path).name for path in mini_batch]}"]
