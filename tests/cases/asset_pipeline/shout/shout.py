import pathlib
import sys

text, out, *before = sys.argv[1:]
said = text.upper() if not before else " ".join([(pathlib.Path(before[0]) / "text").read_text()] * 2)
pathlib.Path(out, "text").write_text(said)
