import pathlib
import sys

from tools import loud

pathlib.Path(sys.argv[2], "text").write_text(loud.of(sys.argv[1]))
