"""How commands end: one line that says what was wrong, and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def fail(message: str, status: int = 1) -> NoReturn:
    """Say it on standard error and leave."""
    typer.echo(f"ringcast: {message}", err=True)
    raise typer.Exit(status)


@contextmanager
def friendly() -> Iterator[None]:
    """Errors that a user can do something about become one line and exit status 1; bugs keep their traceback."""
    from settop.errors import RingcastError

    from testbed.machines.base import MachineError
    from testbed.runtimes.image import RuntimeUnavailable

    try:
        yield
    except (RingcastError, MachineError, RuntimeUnavailable, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", 130)
