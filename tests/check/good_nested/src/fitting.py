def fit(table: str, learning_rate: float) -> str:
    return f"{table} {learning_rate}"
