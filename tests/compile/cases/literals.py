"""Values keep their types; texts that look like something else stay texts."""
# ruff: noqa: F841 - a variable's name is its node's

from enum import Enum

from azure.ai.ml import Input, load_component
from azure.ai.ml.dsl import pipeline

STEP = load_component("components/step.yml")


class Size(Enum):
    SMALL = "small"


@pipeline(default_compute="cpu")
def literals(
    whole: int,
    part: float,
    tiny: float,
    yes: bool,
    number_text: Input(type="string"),
    zeros: str,
    truth_text: str,
    date_text: str,
    exponent: str,
    block: str,
    quotes: str,
    unicode: str,
):
    a = STEP(count=whole, rate=part, flag=yes, text=number_text)
    b = STEP(count=3, rate=1e-05, flag=False, text="007")
    c = STEP(rate=2, text="true", flag=yes)
    d = STEP(text=Size.SMALL.value, rate=tiny)
    e = STEP(text=zeros)
    f = STEP(text=truth_text)
    g = STEP(text=date_text)
    h = STEP(text=exponent)
    i = STEP(text=block)
    j = STEP(text=quotes)
    k = STEP(text=unicode)


job = literals(
    whole=3,
    part=0.25,
    tiny=1e-300,
    yes=True,
    number_text="12",
    zeros="007",
    truth_text="yes",
    date_text="2024-01-01",
    exponent="1e5",
    block="two\nlines: {of} text",
    quotes='it\'s a "text" # with: all - of it',
    unicode="größer 🚰",
)
