def init():
    pass


def run(mini_batch, mini_batch_context):
    return [f"{mini_batch_context.minibatch_index} {mini_batch_context.partition_key_value} {list(mini_batch['v'])}"]
