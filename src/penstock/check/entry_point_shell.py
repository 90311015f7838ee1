"""A component's `command:` as bash would split it: simple commands of words, as far as that is certain without bash."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec import Struct, field

from penstock.spec.expression import Optional, Reference, Template


class Word(Struct, frozen=True):
    """A word of a command line.

    Attributes:
        parts: its text and the references in it, quotes removed.
        quoted: whether all references stand in quotes; the value of another one may become several words, or none.
        optional: the references of the `$[[ ]]` that the word begins in, without which it is not there.
        unknown: whether it holds what only bash knows: a variable, a pattern.
        blank: whether it begins with a blank behind a backslash.
    """

    parts: tuple[str | Reference, ...]
    quoted: bool = True
    optional: tuple[Reference, ...] = ()
    unknown: bool = False
    blank: bool = False

    @property
    def text(self) -> str | None:
        """The word, if it is the same on every run."""
        if self.unknown or any(isinstance(part, Reference) for part in self.parts):
            return None
        return "".join(str(part) for part in self.parts)

    @property
    def head(self) -> str:
        """The text before the first reference; empty if it is not known."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) and not self.unknown else ""

    @property
    def reference(self) -> Reference | None:
        """The reference, if the word is nothing but one."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Reference) and not self.unknown else None

    def after(self, count: int) -> Word:
        """The word without its first `count` characters, which are text."""
        rest = (self.head[count:], *self.parts[1:])
        return Word(tuple(part for part in rest if part != ""), self.quoted, self.optional, self.unknown)

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)


class Run(Struct, frozen=True):
    """A Python program that a command starts: a script by its path in the snapshot, or a module by its dotted name."""

    script: str
    is_module: bool
    words: tuple[Word, ...]
    folder: str


class Program(Struct, frozen=True):
    """What a command does.

    `plain`: apart from the runs nothing that could bring files, packages or variables, but for the files `written`
    (their names, without folders; None for one that is not known). `stray`: flags that no program gets, since a line
    begins with them, or that a backslash before a blank makes a word with that blank.
    """

    runs: tuple[Run, ...]
    plain: bool
    written: frozenset[str | None] = frozenset()
    stray: tuple[str, ...] = ()


class _Unsure(Exception):  # noqa: N818 - not an error: the command is beyond what is read here
    pass


class _Unclosed(_Unsure):
    """The command ends within quotes."""


class Line(Struct, frozen=True):
    """A command split into words. `quotes` are those around each reference, in order; empty for one without."""

    commands: tuple[tuple[Word, ...], ...]
    quotes: tuple[tuple[Reference, str], ...]


class OpenQuote(Struct, frozen=True):
    """A command that bash refuses since the quote `mark` is never closed."""

    mark: str


def read_line(template: Template) -> Line | OpenQuote | None:
    """A command split into words; None if that cannot be told for certain."""
    splitter = _Splitter(template)
    try:
        commands = tuple(tuple(words) for words in splitter.split() if words)
    except _Unclosed as error:
        return OpenQuote(str(error))
    except _Unsure:
        return None
    return Line(commands, tuple(splitter.quotes))


def read_command(template: Template) -> Program | None:
    """The Python programs that a command starts; None if the command is not plain enough to be sure of."""
    try:
        splitter = _Splitter(template)
        commands = list(splitter.split())
        teed = [word for words in commands if words and words[0].text == "tee" for word in words[1:]]
        return _program(commands, frozenset(_file_name(word) for word in (*splitter.written, *teed)))
    except _Unsure:
        return None


_KEYWORDS = {"if", "for", "while", "until", "case", "select", "function", "then", "do", "{", "}", "!", "[[", "else"}
_REACHING = {"source", ".", "eval", "pushd", "popd", "trap", "alias", "shopt", "sh", "bash", "return"}
_HARMLESS = {"echo", "printf", "ls", "pwd", "printenv", "date", "cat", "nvidia-smi", "set", "mkdir", "sleep", "whoami"}
_HARMLESS |= {"df", "free", "head", "tail", "wc", "which", "tee", "true", "ulimit", "lscpu", "du", "exit", "hostname"}
_PREFIXES = {"exec", "nohup", "time"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")
_SWITCHES = re.compile(r"-[uBOEsSIqvbd]+|-W.+|-X.+")


def _file_name(word: Word) -> str | None:
    return posixpath.basename(word.text) if word.text is not None else None


def _program(commands: list[list[Word]], written: frozenset[str | None]) -> Program:
    runs: list[Run] = []
    plain, folder = True, "."
    stray = [word.head for words in commands for word in words if word.blank and word.head[1:].startswith("-")]
    for words in commands:
        rest = words
        if words and words[0].head.startswith("-"):
            stray.append(words[0].head)
        while rest and _ASSIGNMENT.match(rest[0].head):
            plain = plain and not rest[0].head.startswith(("PYTHONPATH", "PATH"))
            rest = rest[1:]
        while rest and rest[0].text in _PREFIXES:
            rest = rest[1:]
        first = rest[0].text if rest else ""
        if first in _KEYWORDS or first in _REACHING or first is None:
            raise _Unsure
        if _PYTHON.fullmatch(first):
            run = _python(rest[1:], folder)
            plain = plain and run is not None
            runs += [run] if run else []
        elif first == "cd":
            folder = _changed(folder, rest)
        elif first == "export":
            plain = plain and not any(word.head.startswith(("PYTHONPATH", "PATH")) for word in rest)
        elif first and first not in _HARMLESS:
            plain = False
    return Program(tuple(runs), plain, written, tuple(stray))


def _changed(folder: str, words: list[Word]) -> str:
    target = words[1].text if len(words) == 2 else None
    moved = posixpath.normpath(posixpath.join(folder, target)) if target else ".."
    if moved.startswith(("..", "/", "~")):
        raise _Unsure
    return moved


def _python(words: list[Word], folder: str) -> Run | None:
    """The program of `python ...`; None for `-c`, a script outside the snapshot, or what cannot be told."""
    while words and (text := words[0].text) is not None and text.startswith("-"):
        if text == "-m" and len(words) > 1 and words[1].text:
            return Run(words[1].text, True, tuple(words[2:]), folder)
        if text in ("-W", "-X"):
            words = words[2:]
        elif _SWITCHES.fullmatch(text):
            words = words[1:]
        else:
            return None
    text = words[0].text if words else None
    if not text or words[0].optional or text.startswith(("/", "~")):
        return None
    script = posixpath.normpath(posixpath.join(folder, text))
    return None if script.startswith("..") else Run(script, False, tuple(words[1:]), folder)


_Cell = tuple[str | Reference, tuple[Reference, ...]]


def _cells(template: Template) -> Iterator[_Cell]:
    """The characters and references of a template, each with the references of the `$[[ ]]` that it stands in."""
    for part in template.parts:
        inside = part.parts if isinstance(part, Optional) else ()
        optional = tuple(inner for inner in inside if isinstance(inner, Reference))
        for inner in part.parts if isinstance(part, Optional) else (part,):
            if isinstance(inner, str):
                yield from ((character, optional) for character in inner)
            else:
                yield inner, optional


class _Open(Struct):
    """The word that is being read. `bare`: nothing in it was quoted, so digits before a redirection are its stream."""

    parts: list[str | Reference] = field(default_factory=list)
    begun: bool = False
    bare: bool = True
    quoted: bool = True
    optional: tuple[Reference, ...] = ()
    unknown: bool = False
    blank: bool = False

    def add(self, part: str | Reference, *, optional: tuple[Reference, ...]) -> None:
        self.begin(optional=optional)
        if isinstance(part, str) and self.parts and isinstance(self.parts[-1], str):
            self.parts[-1] += part
        else:
            self.parts.append(part)

    def begin(self, *, optional: tuple[Reference, ...]) -> None:
        if not self.begun:
            self.begun, self.optional = True, optional

    def word(self) -> Word:
        return Word(tuple(self.parts), self.quoted, self.optional, self.unknown, self.blank)


class _Splitter:
    """Splits into words and commands; raises _Unsure at what it does not know."""

    def __init__(self, template: Template) -> None:
        self.cells = list(_cells(template))
        self.at = 0
        self.open = _Open()
        self.words: list[Word] = []
        self.skip_next = False
        self.written: list[Word] = []
        self.quotes: list[tuple[Reference, str]] = []
        self.braces = (
            False  # whether there is a ${ that is more than a name in braces, in which quotes mean other things
        )

    def split(self) -> Iterator[list[Word]]:
        while self.at < len(self.cells):
            cell, optional = self.cells[self.at]
            self.at += 1
            if isinstance(cell, Reference):
                self.open.quoted = False
                self.quotes.append((cell, ""))
                self.open.add(cell, optional=optional)
            elif cell in "\n;&|":
                self._end_word()
                if self._separator(cell):
                    yield self._command()
            else:
                self._character(cell, optional=optional)
        self._end_word()
        yield self._command()

    def _command(self) -> list[Word]:
        words, self.words = self.words, []
        return words

    def _separator(self, cell: str) -> bool:
        """Whether the command ends here: `&&`, `;`, `|`, a new line; `||` goes on after a failure, `&` beside it."""
        following = self._peek()
        if cell == "&" and following == ">":
            return False
        if (cell == "&" and following != "&") or (cell == "|" and following in ("|", "&")):
            raise _Unsure
        if cell == "&":
            self.at += 1
        return True

    def _peek(self) -> str:
        cell = self.cells[self.at][0] if self.at < len(self.cells) else ""
        return cell if isinstance(cell, str) else "\0"

    def _character(self, cell: str, *, optional: tuple[Reference, ...]) -> None:
        if cell in " \t\r":
            self._end_word()
        elif cell in "'\"":
            self._quotation(cell, optional=optional)
        elif cell == "\\":
            self._escape(optional=optional)
        elif cell == "$":
            self._dollar(optional=optional)
        elif cell in "()`":
            raise _Unsure
        elif cell in "<>":
            self._redirect(cell)
        elif cell == "#" and not self.open.begun:
            while self._peek() not in ("\n", ""):
                self.at += 1
        else:
            self.open.unknown = self.open.unknown or cell in "*?[{~"
            self.open.add(cell, optional=optional)

    def _end_word(self) -> None:
        if self.open.begun and self.skip_next:
            self.skip_next = False
            self.written.append(self.open.word())
        elif self.open.begun:
            self.words.append(self.open.word())
        self.open = _Open()

    def _redirect(self, cell: str) -> None:
        if self.open.begun and not self.open.word().text:
            raise _Unsure
        if self.open.begun and self.open.bare and re.fullmatch("[0-9]+", self.open.word().text or ""):
            self.open = _Open()
        self._end_word()
        if cell == "<" and self._peek() in ("<", "("):
            raise _Unsure
        while self._peek() in (">", "&"):
            self.at += 1
        self.skip_next = True

    def _escape(self, *, optional: tuple[Reference, ...]) -> None:
        following = self._peek()
        if following in ("", "\0"):
            raise _Unsure
        self.at += 1
        if following != "\n":
            self.open.bare = False
            self.open.blank = following == " " and not self.open.begun
            self.open.add(following, optional=optional)

    def _dollar(self, *, optional: tuple[Reference, ...]) -> None:
        following = self._peek()
        if following in ("(", "'", '"', "["):
            raise _Unsure
        self.open.add("$", optional=optional)
        self.open.unknown = self.open.unknown or bool(re.match(r"[\w{@*#?!$-]", following))
        self._braces()
        if following == "{":
            while self._peek() not in ("}", ""):
                self.at += 1
            self.at += 1

    def _braces(self) -> None:
        """Note whether the `$` that was read begins more than the name of a variable; it must be on the same line."""
        rest = "".join(str(cell) for cell, _ in self.cells[self.at : self.at + 100])
        if rest.startswith("\\\n"):
            raise _Unsure
        self.braces = self.braces or (rest.startswith("{") and re.match(r"\{\w+\}", rest) is None)

    def _quotation(self, quote: str, *, optional: tuple[Reference, ...]) -> None:
        self.open.begin(optional=optional)
        self.open.bare = False
        while self.at < len(self.cells):
            cell, _ = self.cells[self.at]
            self.at += 1
            if cell == quote:
                return
            if isinstance(cell, Reference):
                self.quotes.append((cell, quote))
            elif quote == '"' and cell in "`$\\":
                cell = self._inside(cell)
            if cell:
                self.open.add(cell, optional=optional)
        raise _Unsure if self.braces else _Unclosed(quote)

    def _inside(self, cell: str) -> str:
        """A special character between double quotes, as bash takes it."""
        following = self._peek()
        if cell == "`" or (cell == "$" and following in ("(", "[")):
            raise _Unsure
        if cell == "$":
            self._braces()
            self.open.unknown = self.open.unknown or bool(re.match(r"[\w{@*#?!$-]", following))
            return cell
        if following in ('"', "\\", "$", "`", "\n"):
            self.at += 1
            return "" if following == "\n" else following
        return cell
