"""How commands end: one line that says what was wrong, and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import typer

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
BROKEN_PIPE = 141
"""Exit status where whoever read the output has gone: what SIGPIPE leaves in a shell."""


def fail(message: str, status: int = 1) -> NoReturn:
    """Say it on standard error, if there is still one, and leave."""
    with suppress(OSError):
        typer.echo(f"ringcast: {message}", err=True)
    raise typer.Exit(status)


def stopped_status(error: KeyboardInterrupt) -> int:
    """130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return int(getattr(error, "status", INTERRUPTED))


def os_error(error: OSError) -> tuple[str, int]:
    """The line and the exit status for an error of the system."""
    if isinstance(error, BrokenPipeError):
        return f"{error.filename or 'the output'}: nobody reads it any more", BROKEN_PIPE
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error), 1


def expected_errors() -> tuple[type[Exception], ...]:
    """Errors that a user can do something about, each with a line that says what. The rest are bugs."""
    from settop.errors import RingcastError

    from testbed.machines.base import MachineError
    from testbed.runtimes.image import RuntimeUnavailable

    return RingcastError, MachineError, RuntimeUnavailable, OSError


@contextmanager
def friendly(interrupted: str = "interrupted") -> Iterator[None]:
    """Expected errors become one line and exit status 1, Ctrl-C and its like the line `interrupted` and 130, 143 or
    129; bugs keep their traceback."""
    try:
        yield
    except OSError as error:
        fail(*os_error(error))
    except expected_errors() as error:
        fail(str(error))
    except KeyboardInterrupt as error:
        fail(interrupted, stopped_status(error))
