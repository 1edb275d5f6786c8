"""The `ringcast` command line: one file per command in `testbed.commands`, and a group of commands for each system that
has some of its own. A command is imported when it is called; the list of them comes from the tables below.
"""

import os
import signal
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from typing import Any

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing was begun yet: Ctrl-C needs no traceback

import typer
from typer.core import TyperCommand, TyperGroup

from testbed.commands.ending import ending, run_to_the_end, tell

COMMANDS = {
    "The call": {
        "demo": ("play", "The call, end to end: a viewer phones in and the picture clears."),
        "run": ("play", "Play scenario files."),
        "provision": ("provision", "Give a board its identity and register it at the call centre."),
    },
    "Head-end tools": {
        "scramble": ("scramble", "Scramble IN.ts into OUT.ts with DVB-CISSA."),
        "descramble": ("descramble", "Descramble IN.ts into OUT.ts."),
    },
    "Boards": {
        "flash": ("flash", "Put ringcast on a board that runs MicroPython."),
        "firmware": ("firmware", "Build MicroPython with the terminal frozen in."),
        "board": ("board", "Run an emulated Raspberry Pi Pico."),
    },
    "Bench": {
        "doctor": ("doctor", "What this machine has for the bench, what it lacks."),
        "test": ("testing", "Run the tests."),
        "bench": ("bench", "Measure the figures of merit."),
        "modem": ("modem", "A V.250 modem on a pseudo-terminal."),
        "ring": ("ring", "Call a running modem."),
    },
}
"""By section of `--help`, in its order. Command: its module in testbed.commands, where a function of that name is, and
the line that `--help` has of it, with which the function's docstring begins."""

SYSTEMS: dict[str, tuple[str, str]] = {
    "centre": ("testbed.commands.centre", "The call centre's subscribers, calls, alarms, keys."),
    "title": ("testbed.commands.title", "Titles: pack, open, look at, hear; licences."),
    "update": ("testbed.commands.update", "Signed modules for terminals: keys, signing, judging."),
    "shop": ("testbed.commands.shop", "The shop: cards, titles, accounts, its books."),
    "stream": ("testbed.commands.stream", "Streams: titles sold for a time, and their tokens."),
}
"""A system's own commands, `./ringcast SYSTEM ...`: the module whose `app` is their Typer application, and its line."""

_SYSTEMS_SECTION = "Systems"
_UNNAMED = ("demo", "run", "bench")
"""What they say of errors begins with `ringcast:` alone."""


class _Door(TyperGroup):
    """Knows what there is from the tables; what is behind a name is imported by the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_listed())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What the list shows: a name, its section and its line."""
        if cmd_name not in (listed := _listed()):
            return None
        section, line = listed[cmd_name]
        return TyperCommand(cmd_name, help=line, rich_help_panel=section)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in (listed := _listed()):
            close = get_close_matches(name, listed, 1, 0.5)
            meant = f"did you mean `ringcast {close[0]}`? There are" if close else "there are"
            tell("ringcast", f"no command {name!r}: {meant} {', '.join(listed)}; `ringcast --help` says what they do")
            raise typer.Exit(2)
        return name, _command(name), args[1:]


def _listed() -> dict[str, tuple[str, str]]:
    """(section, line) by name, in the order of the list."""
    found = {name: (section, line) for section, names in COMMANDS.items() for name, (_, line) in names.items()}
    return found | {name: (_SYSTEMS_SECTION, line) for name, (_, line) in SYSTEMS.items()}


def _command(name: str) -> Any:
    """The command, or a system's group, imported now."""
    if name in SYSTEMS:
        made: Any = typer.main.get_group(import_module(SYSTEMS[name][0]).app)
    else:
        module = next(names[name][0] for names in COMMANDS.values() if name in names)
        single = typer.Typer(add_completion=False)
        single.command(name)(getattr(import_module(f"testbed.commands.{module}"), name))
        made = typer.main.get_command(single)
    _end_well(made, "ringcast" if name in _UNNAMED else f"ringcast {name}")
    return made


def _end_well(command: Any, who: str) -> None:
    """Put `ending` around the command, or around all of a group."""
    for name, each in getattr(command, "commands", {}).items():
        _end_well(each, f"{who} {name}")
    if command.callback is not None:
        command.callback = _ending_well(command.callback, who)


def _ending_well(callback: Callable[..., object], who: str) -> Callable[..., object]:
    @wraps(callback)
    def call(*arguments: object, **options: object) -> object:
        with ending(who):
            return callback(*arguments, **options)

    return call


app = typer.Typer(
    name="ringcast",
    cls=_Door,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a local may be a key
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root() -> None:
    """A programme by broadcast, its keys by telephone: head-end, MicroPython terminal and the bench between them.

    `ringcast COMMAND --help` explains a command, with examples; `ringcast demo` is the place to begin.
    """


def main() -> None:
    # Typer parses by pydantic, which looks through every installed package for plugins: there are none to find.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    run_to_the_end(lambda: app(prog_name="ringcast"))


if __name__ == "__main__":
    main()
