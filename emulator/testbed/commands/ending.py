"""How commands end: one line that says what was wrong, and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def fail(message: str, status: int = 1) -> NoReturn:
    """Say it on standard error and leave."""
    typer.echo(f"ringcast: {message}", err=True)
    raise typer.Exit(status)


def expected_errors() -> tuple[type[Exception], ...]:
    """Errors that a user can do something about, each with a line that says what. The rest are bugs."""
    from settop.errors import RingcastError

    from testbed.machines.base import MachineError
    from testbed.runtimes.image import RuntimeUnavailable

    return RingcastError, MachineError, RuntimeUnavailable, OSError


@contextmanager
def friendly(interrupted: str = "interrupted") -> Iterator[None]:
    """Expected errors become one line and exit status 1, Ctrl-C the line `interrupted` and 130; bugs keep their
    traceback."""
    try:
        yield
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except expected_errors() as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail(interrupted, INTERRUPTED)
