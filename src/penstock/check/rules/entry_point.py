"""PS305, PS31x: the command and the script that it starts. The script is read, never imported."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from penstock.check.coded import scripted
from penstock.check.entry_point import Option
from penstock.check.entry_point_code import NotPython
from penstock.check.entry_point_match import Given, Match, match
from penstock.check.entry_point_shell import Word, read_command
from penstock.check.memory import remembered
from penstock.check.places import place_in
from penstock.check.rule import Told, rule
from penstock.check.snapshots import Started, script_of, snapshot_of, started
from penstock.check.subject import Subject
from penstock.graph.literals import azure_text
from penstock.graph.model import GraphNode, Literal
from penstock.spec.expression import Reference
from penstock.spec.finding import close_match, did_you_mean
from penstock.spec.model import LITERAL_TYPES, CommandComponent, InputPort
from penstock.spec.place import Place


@rule("PS310", "The script that the command starts is not in the snapshot")
def no_script(subject: Subject) -> Iterator[Told]:
    for begun in _started(subject):
        run, names = begun.run, begun.snapshot.paths
        if run.is_module or run.script in names or not begun.program.plain or not begun.snapshot.whole:
            continue
        if not run.script.endswith(".py") or _may_be_made(begun):
            continue
        what = "code:" if begun.component.code.path is not None else "the snapshot (there is no code:)"
        message = f"{begun.component.name}: the command starts '{run.script}', which {what} does not hold."
        yield Told(message, _in_command(subject, begun.component, posixpath.basename(run.script)), _where(begun))


def _may_be_made(begun: Started) -> bool:
    """Whether the command, or a program that it starts earlier, could write the script."""
    name = posixpath.basename(begun.run.script)
    if name in begun.program.written:
        return True
    for earlier in started_before(begun):
        module = begun.snapshot.code.module(earlier, main=True)
        if module is None or isinstance(module, NotPython) or name in module.text:
            return True
    return False


def started_before(begun: Started) -> list[str]:
    """The scripts that the command starts before this one."""
    runs = begun.program.runs
    return [run.script for run in runs[: next(i for i, run in enumerate(runs) if run is begun.run)]]


def _where(begun: Started) -> str:
    names = sorted(name for name in begun.snapshot.paths if name.endswith(".py"))
    same = [name for name in names if posixpath.basename(name) == posixpath.basename(begun.run.script)]
    if same:
        return f"It holds '{same[0]}'; paths in a command count from the snapshot's root."
    if begun.component.code.path is None:
        return "Add code: with the folder of the script."
    close = close_match(begun.run.script, names)
    return f"Did you mean '{close}'?" if close else "penstock snapshot lists what it holds."


@rule("PS319", "A script that is not Python", "warning")
def no_python(subject: Subject) -> Iterator[Told]:
    begun = [(one.snapshot, one.module) for one in _started(subject)]
    named = [(snapshot_of(one, subject), script_of(one, subject)) for one in scripted(subject)]
    for snapshot, module in (*begun, *named):
        if snapshot is not None and isinstance(module, NotPython):
            place = Place(os.path.normpath(snapshot.paths[module.name]), module.line, module.column)
            yield Told(f"Python cannot read this: {module.message}.", place, "It fails as soon as it is loaded.")


@rule("PS320", "A flag that no program gets")
def stray_flag(subject: Subject) -> Iterator[Told]:
    for component in subject.commands():
        program = read_command(component.command) if component.command is not None else None
        for text in program.stray if program is not None else ():
            flag = text.strip().partition("=")[0]
            place = _in_command(subject, component, flag)
            if text.startswith(" "):
                message = f"{component.name}: the backslash makes '{text}', blank included, one argument."
                fix = "In a folded text (>-) leave out the backslashes at the ends of the lines."
            else:
                message = f"{component.name}: a line begins with {flag}: the shell takes it for a program."
                fix = "Write command: >- , which joins the lines, or end the line before with a backslash."
            yield Told(message, place, fix)


@rule("PS311", "A flag that the script does not define")
def undefined_flag(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        interface = begun.interface
        if interface is None or not interface.complete or interface.takes_unknown:
            continue
        for word in found.undefined:
            flag = word.head.partition("=")[0]
            message = (
                f"{begun.component.name}: {interface.file} does not define {flag}; {interface.library} refuses it."
            )
            yield Told(message, _in_command(subject, begun.component, flag), did_you_mean(flag, interface.flags))
        for word in found.ambiguous:
            flag = word.head.partition("=")[0]
            fits = [name for name in interface.flags if name.startswith(flag)]
            message = f"{begun.component.name}: {flag} may be any of {', '.join(fits)}; argparse refuses it."
            yield Told(message, _in_command(subject, begun.component, flag), "Write the flag in full.")


@rule("PS312", "A required argument of the script that the command does not pass")
def missing_argument(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        interface = begun.interface
        if interface is None or found.open:
            continue
        misspelt = {close_match(word.head.partition("=")[0], interface.flags) for word in found.undefined}
        for option in found.missing:
            if not misspelt.intersection(option.names):
                message = (
                    f"{begun.component.name}: {interface.file} requires {option.label}; the command does not pass it."
                )
                yield Told(message, _key_of_command(begun.component), f"Add {_example(option, begun.component)}.")


def _example(option: Option, component: CommandComponent) -> str:
    port = option.label.lstrip("-").replace("-", "_")
    value = f"${{{{inputs.{port}}}}}" if port in component.inputs else f"${{{{outputs.{port}}}}}"
    if port not in component.inputs and port not in component.outputs:
        value = "VALUE"
    return value if option.positional else f"{option.label} {value}"


@rule("PS313", "A required argument of the script inside $[[ ]]", "warning")
def optional_argument(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        sure = {id(given.option) for given in found.given if not _may_vanish(given.word, begun.component)}
        for given in found.given:
            if given.option.required and id(given.option) not in sure and begun.interface is not None:
                name = given.option.label
                message = (
                    f"{begun.component.name}: {begun.interface.file} requires {name}, which is left out when unset."
                )
                place = _in_command(subject, begun.component, given.word.head.partition("=")[0])
                yield Told(message, place, "Give the input a default, or let the script do without the argument.")


@rule("PS316", "A flag without its value")
def no_value(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        for word, option in found.lacking:
            flag = word.head
            count = "a value" if option.low == 1 else f"{option.low} values"
            message = f"{begun.component.name}: {flag} takes {count}, the command gives fewer."
            yield Told(message, _in_command(subject, begun.component, flag), "Write the value behind the flag.")


@rule("PS318", "A value where the script takes none")
def unwanted_value(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        for word, option in found.unwanted:
            place = _in_command(subject, begun.component, _needle(word))
            if option is None:
                message = f"{begun.component.name}: no argument of the script takes '{word}'."
                yield Told(message, place, "Write the flag in front of it, or take it away.")
            else:
                message = f"{begun.component.name}: {option.label} is a switch, it takes no value such as '{word}'."
                yield Told(message, place, _switch_fix(option))


def _switch_fix(option: Option) -> str:
    return f"Pass {option.label} alone, or make it take a value in the script (true or false)."


@rule("PS314", "A value that the script refuses")
def refused_value(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        for given, word in _values(found):
            port = _port(word, begun.component)
            told = _refused_text(subject, begun, given, word) or (
                _refused_port(subject, begun, given, port) if port is not None else None
            )
            if told is not None:
                yield told
    yield from _refused_of_nodes(subject)


def _refused_text(subject: Subject, begun: Started, given: Given, word: Word) -> Told | None:
    why = given.option.refuses(word.text) if word.text is not None else None
    if why is None:
        return None
    message = f"{begun.component.name}: {given.option.label} takes {why}, not '{word.text}'."
    return Told(message, _in_command(subject, begun.component, word.text or ""))


def _refused_port(subject: Subject, begun: Started, given: Given, port: InputPort) -> Told | None:
    """A port none of whose values will do, or whose default does not."""
    option, name = given.option, begun.component.name
    is_data = port.type not in (*LITERAL_TYPES, "any")
    if option.convert in ("int", "float") and (is_data or port.type == "boolean"):
        kind = "a path" if is_data else "True or False"
        message = f"{name}: {option.label} takes a number, but '{port.name}' ({port.type}) gives {kind}."
        return Told(message, _in_command(subject, begun.component, given.word.head.partition("=")[0]))
    why = option.refuses(azure_text(port.default)) if port.default is not None else None
    if why is not None and port.default is not None:
        message = f"{name}: {option.label} takes {why}, not the default '{azure_text(port.default)}' of '{port.name}'."
        return Told(message, port.default.place)
    return None


def _refused_of_nodes(subject: Subject) -> Iterator[Told]:
    """What nodes give to inputs that the command hands on."""
    for node in subject.graph.nodes.values() if subject.graph else ():
        if not isinstance(node.component, CommandComponent):
            continue
        for begun, found in matches(node.component, subject):
            for given, word in _values(found):
                told = _refused_of_node(node, begun, given, word)
                if told is not None:
                    yield told


def _refused_of_node(node: GraphNode, begun: Started, given: Given, word: Word) -> Told | None:
    port = _port(word, begun.component)
    value = node.inputs.get(port.name) if port is not None else None
    if port is None or not isinstance(value, Literal) or (port.default and port.default.place == value.place):
        return None
    why = given.option.refuses(value.text)
    if why is None:
        return None
    file = begun.interface.file if begun.interface else begun.run.script
    message = (
        f"'{node.name}': '{port.name}' goes to {given.option.label} of {file}, which takes {why}, not '{value.text}'."
    )
    return Told(message, value.place)


@rule("PS315", "An input that allows values which the script refuses", "warning")
def loose_port(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        for given, word in _values(found):
            port, option = _port(word, begun.component), given.option
            if port is None:
                continue
            texts = [azure_text(item) for item in port.enum]
            refused = [text for text in texts if option.refuses(text)]
            if refused:
                why = option.refuses(refused[0])
                message = (
                    f"{begun.component.name}: '{port.name}' allows {', '.join(refused)}; {option.label} takes {why}."
                )
                yield Told(message, port.enum[texts.index(refused[0])].place, "Let enum and choices agree.")
            elif port.type == "number" and option.convert == "int" and not texts:
                message = f"{begun.component.name}: '{port.name}' is a number, but {option.label} takes whole numbers."
                yield Told(message, port.place, "Write type: integer, or type=float in the script.")


@rule("PS317", "A boolean read with bool()", "warning")
def bool_trap(subject: Subject) -> Iterator[Told]:
    for begun, found in _matched(subject):
        for given, word in _values(found):
            port = _port(word, begun.component)
            literal = (word.text or "").lower() in ("false", "0", "no")
            if given.option.convert == "bool" and (literal or (port is not None and port.type == "boolean")):
                flag = given.option.label
                name = begun.component.name
                message = f"{name}: {flag} has type=bool in the script, for which every text is true, 'False' too."
                fix = 'Write type=lambda text: text.lower() == "true".'
                yield Told(message, _in_command(subject, begun.component, given.word.head.partition("=")[0]), fix)


def _started(subject: Subject) -> Iterator[Started]:
    for component in subject.commands():
        yield from started(component, subject)


def _matched(subject: Subject) -> Iterator[tuple[Started, Match]]:
    for component in subject.commands():
        yield from matches(component, subject)


def matches(component: CommandComponent, subject: Subject) -> tuple[tuple[Started, Match], ...]:
    """The programs that a component's command starts, each with what of the command its arguments take."""

    def make() -> tuple[tuple[Started, Match], ...]:
        return tuple(
            (begun, match(begun.run.words, begun.interface, lambda word: _is_one(word, component)))
            for begun in started(component, subject)
            if begun.interface is not None
        )

    return remembered(subject, ("matches", id(component)), make)


def _is_one(word: Word, component: CommandComponent) -> bool:
    """Whether the word is one argument for certain: an unquoted text may become several, or none."""
    if word.unknown:
        return False
    references = [part for part in word.parts if isinstance(part, Reference)]
    return word.quoted or all(_is_token(reference, component) for reference in references)


def _is_token(reference: Reference, component: CommandComponent) -> bool:
    if reference.path[0] == "outputs":
        return True
    port = component.inputs.get(".".join(reference.path[1:]))
    return port is not None and port.type not in ("string", "any")


def _port(word: Word, component: CommandComponent) -> InputPort | None:
    """The input whose value the word is."""
    reference = word.reference
    if reference is None or reference.path[0] != "inputs":
        return None
    return component.inputs.get(".".join(reference.path[1:]))


def _values(found: Match) -> Iterator[tuple[Given, Word]]:
    for given in found.given:
        if given.option.sure:
            yield from ((given, word) for word in given.values)


def _may_vanish(word: Word, component: CommandComponent) -> bool:
    for reference in word.optional:
        port = component.inputs.get(".".join(reference.path[1:])) if reference.path[0] == "inputs" else None
        if port is not None and port.optional and port.default is None:
            return True
    return False


def _needle(word: Word) -> str:
    return word.text or (str(word.reference) if word.reference else word.head.partition("=")[0])


def _key_of_command(component: CommandComponent) -> Place:
    return component.source.key_place("command")


def _in_command(subject: Subject, component: CommandComponent, text: str) -> Place:
    start = component.command.place if component.command else component.place
    return place_in(subject, start, text)
