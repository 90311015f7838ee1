def init():
    pass


def run(mini_batch, mini_batch_context):
    print("batch", mini_batch_context.minibatch_index, len(mini_batch), mini_batch_context.partition_key_value)
    return mini_batch.assign(double=mini_batch["x"] * 2)[["kind", "double"]]
