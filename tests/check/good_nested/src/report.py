import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("page")
parser.add_argument("--title", default="model")
arguments = parser.parse_args()
text = Path(arguments.model, "model.txt").read_text()
Path(arguments.page, "index.html").write_text(arguments.title + text)
