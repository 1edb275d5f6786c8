"""The `ringcast` command line: one Typer application, one file per command in `testbed.commands`."""

import os
import signal
import sys
from importlib import import_module

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing was begun yet: Ctrl-C needs no traceback

import typer
from headend.stopping import Stopped, stoppable

# Command: its module in testbed.commands, where a function of that name is.
_COMMANDS = {
    "demo": "play",
    "run": "play",
    "scramble": "scramble",
    "descramble": "descramble",
    "modem": "modem",
    "ring": "ring",
    "provision": "provision",
    "board": "board",
    "bench": "bench",
    "flash": "flash",
    "firmware": "firmware",
    "doctor": "doctor",
    "test": "testing",
}

_INTERRUPTED, _BROKEN_PIPE = 130, 141


def _root() -> None:
    """A programme by broadcast, its keys by telephone: head-end, MicroPython terminal and the bench between them."""


def application(only: str | None = None) -> typer.Typer:
    """The command line with every command, or with `only` that one."""
    made = typer.Typer(
        name="ringcast",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # a local may be a key
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for name in _COMMANDS if only is None else (only,):
        made.command()(getattr(import_module(f"testbed.commands.{_COMMANDS[name]}"), name))
    return made


def __getattr__(name: str) -> typer.Typer:
    if name == "app":  # for whoever imports it; made on demand, as it imports every command
        return application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    # Typer parses by pydantic, which looks through every installed package for plugins: there are none to find.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    # A command that is named first is all that gets imported: the others cost more time than some of them run.
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    status: object = 0
    _fill_closed_descriptors()
    try:
        with stoppable() as stopped:
            try:
                application(named if named in _COMMANDS else None)(prog_name="ringcast")
            except SystemExit as end:
                status = stopped.status if end.code and stopped.status else end.code
            if sys.stdout is not None:
                sys.stdout.flush()
    except Stopped as error:  # a second one, or one before the command had begun
        status = error.status
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except OSError as error:  # what was said to standard output did not get there
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else it is tried again, with a traceback
        if not status:
            status = _BROKEN_PIPE if isinstance(error, BrokenPipeError) else 1
            sys.stderr and print(f"ringcast: standard output: {error.strerror or error}", file=sys.stderr)
    sys.exit(status)  # type: ignore[arg-type]


def _fill_closed_descriptors() -> None:
    """A program may be started without standard input or output: no file that it opens must take their place."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > 2:
            os.close(handle)
            return


if __name__ == "__main__":
    main()
