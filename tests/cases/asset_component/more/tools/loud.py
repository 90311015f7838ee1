def of(text: str) -> str:
    return text.upper()
