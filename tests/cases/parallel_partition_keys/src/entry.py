import pandas as pd


def init():
    pass


def run(input_data, mini_batch_context):
    key = mini_batch_context.partition_key_value
    assert (input_data["Store"] == key["Store"]).all()
    result = pd.DataFrame({name: [value] for name, value in key.items()})
    result["sum"] = input_data["Quantity"].sum()
    return result
