"""`python -m penstock`: the command, by the interpreter that it is installed in."""

from penstock.cli.main import program

if __name__ == "__main__":
    program()
