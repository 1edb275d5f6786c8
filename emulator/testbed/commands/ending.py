"""How commands end: one line that says what was wrong, and an exit status. The command line puts it around each of
them, so that a command raises what it meets and has a `with` of its own only where it has something to add.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import typer
from headend.stopping import Stopped, stoppable

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
BROKEN_PIPE = 141
"""Exit status where whoever read the output has gone: what SIGPIPE leaves in a shell."""


class _Ended(Exception):
    """The command is over: what there is to say, and the exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def fail(message: str, status: int = 1) -> NoReturn:
    """End the command with this line and this exit status."""
    raise _Ended(message, status)


def tell(who: str, message: str) -> None:
    """One line on standard error, if there is still one. who: "ringcast scramble", say."""
    with suppress(OSError):
        typer.echo(f"{who}: {message}", err=True)


@contextmanager
def ending(who: str) -> Iterator[None]:
    """Around a command: what it raises becomes a line of `who` and an exit status.

    1 for what a user can do something about; 141 where the reader of the output has gone; 130, 143 or 129 for who ended
    it from outside; what `fail` was given. Bugs keep their traceback.
    """
    try:
        yield
    except OSError as error:
        message, status = _os_error(error)
    except KeyboardInterrupt as error:
        message, status = str(error) or "interrupted", stopped_status(error)
    except _Ended as error:
        message, status = str(error), error.status
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        message, status = str(error), 1
    else:
        return
    tell(who, message)
    raise typer.Exit(status)


@contextmanager
def interruption(message: str) -> Iterator[None]:
    """Within the block, who ends the command from outside reads `message`: what is left behind, say."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise _Ended(message, stopped_status(error)) from None


def expected_errors() -> tuple[type[Exception], ...]:
    """Errors that a user can do something about, each with a line that says what. The rest are bugs."""
    from settop.errors import RingcastError

    from testbed.machines.base import MachineError
    from testbed.runtimes.image import RuntimeUnavailable

    return RingcastError, MachineError, RuntimeUnavailable, OSError


def stopped_status(error: KeyboardInterrupt) -> int:
    """130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return int(getattr(error, "status", INTERRUPTED))


def _os_error(error: OSError) -> tuple[str, int]:
    if isinstance(error, BrokenPipeError):
        return f"{error.filename or 'the output'}: nobody reads it any more", BROKEN_PIPE
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error), 1


def run_to_the_end(command_line: Callable[[], object]) -> NoReturn:
    """Run the whole command line and leave with its exit status, also where a signal came before a command had begun,
    and where what was said to standard output did not get there.
    """
    status: object = 0
    _fill_closed_descriptors()
    try:
        with stoppable() as stopped:
            try:
                command_line()
            except SystemExit as end:
                status = stopped.status if end.code and stopped.status else end.code
            if sys.stdout is not None:
                sys.stdout.flush()
    except Stopped as error:  # a second one, or one before the command had begun
        status = error.status
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:  # what was said to standard output did not get there
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else it is tried again, with a traceback
        if not status:
            status = BROKEN_PIPE if isinstance(error, BrokenPipeError) else 1
            tell("ringcast", f"standard output: {error.strerror or error}")
    sys.exit(status)  # type: ignore[arg-type]


def _fill_closed_descriptors() -> None:
    """A program may be started without standard input or output: no file that it opens must take their place."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > 2:
            os.close(handle)
            return
