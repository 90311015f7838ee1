"""Does nothing, as a script and as what a service calls."""


def init() -> None: ...


def run(data: object) -> object:
    return data
