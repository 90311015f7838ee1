"""A command's words against the command line that its script takes."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct, field

from penstock.check.entry_point import Interface, Option
from penstock.check.entry_point_shell import Word
from penstock.spec.expression import Reference

_NEGATIVE = re.compile(r"-\d+|-\d*\.\d+")


class Given(Struct, frozen=True):
    """An option that the command passes, with its values; `word` is the flag, of a positional its value."""

    option: Option
    word: Word
    values: tuple[Word, ...]


class Match(Struct):
    """What came of it.

    Attributes:
        given: what the script takes.
        undefined: flags that it does not define.
        ambiguous: abbreviations of more than one flag.
        unwanted: values that nothing takes, each with the switch that stands before it, if one does.
        lacking: flags without the values that they need.
        open: more arguments may come along than are seen.
    """

    given: list[Given] = field(default_factory=list)
    undefined: list[Word] = field(default_factory=list)
    ambiguous: list[Word] = field(default_factory=list)
    unwanted: list[tuple[Word, Option | None]] = field(default_factory=list)
    lacking: list[tuple[Word, Option]] = field(default_factory=list)
    missing: list[Option] = field(default_factory=list)
    open: bool = False


def match(words: tuple[Word, ...], interface: Interface, is_one: Callable[[Word], bool]) -> Match:
    """Assign words to options. `is_one`: a word is certainly one argument once the command runs."""
    matcher = _Matcher(words, interface, is_one)
    matcher.run()
    return matcher.result


class _Matcher:
    def __init__(self, words: tuple[Word, ...], interface: Interface, is_one: Callable[[Word], bool]) -> None:
        self.words = words
        self.interface = interface
        self.is_one = is_one
        self.at = 0
        self.result = Match()
        self.loose: list[tuple[Word, Option | None]] = []  # values for positionals, with the switch before them
        self.uncounted = False  # how many of them there are is not known

    def run(self) -> None:
        before: Option | None = None
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word.text == "--":
                self.loose += [(rest, None) for rest in self.words[self.at :]]
                break
            if self._is_flag(word):
                before = self._flag(word)
                continue
            self._count(word)
            self.loose.append((word, before))
            before = None
        self._positionals()
        given = {id(entry.option) for entry in self.result.given}
        self.result.missing = [
            option
            for option in self.interface.options
            if option.required and not option.positional and id(option) not in given
        ]

    def _count(self, word: Word) -> None:
        if not self.is_one(word):
            self.uncounted = True
            self.result.open = self.result.open or self._may_be_flags(word)

    @staticmethod
    def _may_be_flags(word: Word) -> bool:
        first = word.parts[0] if word.parts else ""
        return not isinstance(first, str) or first.startswith("$")

    def _is_flag(self, word: Word) -> bool:
        first = word.parts[0] if word.parts else ""
        if not isinstance(first, str) or not first.startswith("-") or first == "-":
            return False
        if self.interface.option(first.partition("=")[0]) is not None:
            return True
        return not _NEGATIVE.fullmatch(first) and " " not in first

    def _flag(self, word: Word) -> Option | None:
        """Take a flag with its values; returns it if it takes none."""
        first = str(word.parts[0])
        flag, equals, _ = first.partition("=")
        dynamic = (len(word.parts) > 1 or word.unknown) and not equals
        if dynamic or "$" in flag:
            self.result.open = self.uncounted = True
            return None
        option = self.interface.option(flag)
        if option is None and not first.startswith("--"):
            self._short(word, first)
            return None
        if option is None or option == "ambiguous":
            (self.result.undefined if option is None else self.result.ambiguous).append(word)
            self._skip_values()
            return None
        if equals:
            self._attached(option, word, word.after(len(flag) + 1))
            return None
        return self._separate(option, word)

    def _short(self, word: Word, first: str) -> None:
        """`-xVALUE`, `-xyz`, or the beginning of a long flag with one dash."""
        option = self.interface.flags.get(first[:2])
        if option is not None:
            self.result.given.append(Given(option, word, (word.after(2),) if option.high != 0 else ()))
        elif any(name.startswith(first) for name in self.interface.flags):
            self.result.open = self.uncounted = True
        else:
            self.result.undefined.append(word)
            self._skip_values()

    def _skip_values(self) -> None:
        """The words that follow an unknown flag: whose values they are cannot be told."""
        while self.at < len(self.words) and not self._is_flag(self.words[self.at]):
            self._count(self.words[self.at])
            self.at += 1
            self.uncounted = True

    def _attached(self, option: Option, word: Word, value: Word) -> None:
        if option.high == 0:
            self.result.unwanted.append((word, option))
        elif option.low > 1:
            self.result.lacking.append((word, option))
        self.result.given.append(Given(option, word, (value,) if option.high != 0 else ()))

    def _separate(self, option: Option, word: Word) -> Option | None:
        values: list[Word] = []
        greedy = self.interface.library != "argparse"
        while self.at < len(self.words) and (option.high is None or len(values) < option.high):
            following = self.words[self.at]
            if not greedy and (self._is_flag(following) or following.text == "--"):
                break
            values.append(following)
            self.at += 1
        certain = all(self.is_one(value) or value.reference for value in values)
        if not certain or option.high != 1:
            for value in values:
                self._count(value)
        if len(values) < option.low and certain:
            self.result.lacking.append((word, option))
        self.result.given.append(Given(option, word, tuple(values)))
        return option if option.high == 0 else None

    def _positionals(self) -> None:
        options = self.interface.positionals
        least = sum(option.low for option in options)
        most = None if any(option.high is None for option in options) else sum(option.high or 0 for option in options)
        known = self.interface.complete and all(option.sure for option in options)
        if known and most is not None and not self.interface.takes_unknown:
            # where there is no place for any, it does not matter how many there are
            sure = [entry for entry in self.loose if self.is_one(entry[0])] if most == 0 else []
            self.result.unwanted += sure if self.uncounted else self.loose[most:]
        if all(option.low == option.high == 1 for option in options) and known and not self.uncounted:
            for option, (word, _) in zip(options, self.loose, strict=False):
                self.result.given.append(Given(option, word, (word,)))
            lacking = [option for option in options[len(self.loose) :] if option.required]
            self.result.missing += lacking
        elif known and not self.uncounted and len(self.loose) < least and options:
            self.result.missing.append(options[-1])


def references(word: Word) -> tuple[Reference, ...]:
    """The references in a word."""
    return tuple(part for part in word.parts if isinstance(part, Reference))
