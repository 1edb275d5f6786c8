"""What the commands that turn one file into another share: streams, progress, hex options."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from testbed.commands.ending import tell

if TYPE_CHECKING:
    from headend.ts.io.sources import Source

_PROGRESS_FROM_BYTES = 200_000_000


def warn(command: str, message: str) -> None:
    """One line on stderr about what is no error, but may not be what the user expects."""
    tell(f"ringcast {command}", f"note: {message}")


@contextmanager
def progress_for(path: Path, label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal for a long file, else None."""
    if not sys.stderr.isatty() or not path.exists() or path.stat().st_size < _PROGRESS_FROM_BYTES:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    # No refresh thread: the work may fork.
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, refresh=True)

        yield show


@contextmanager
def stream_source(command: str, source: Path, target: Path) -> "Iterator[Source]":
    """The input of a command that makes `target` of it; what there is to say of it goes to stderr."""
    from headend.ts.io.sources import Source, spool_folder

    with Source(source, lambda line: tell(f"ringcast {command}", line), spool_folder(target)) as opened:
        yield opened


@contextmanager
def read_twice(path: Path) -> Iterator[Path]:
    """`path`, or a copy in memory of what a pipe holds: it may be secret, and has no business on a disk."""
    from headend.files import write_all
    from headend.ts.io.targets import copy_of_descriptor, descriptor_of, is_stream

    if not is_stream(path):
        yield path
        return
    number = descriptor_of(path, 0)
    with open(path if number is None else copy_of_descriptor(number, str(path)), "rb") as file:
        data = file.read()
    handle = os.memfd_create("ringcast")
    try:
        write_all(handle, data)
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def hex_bytes(text: str, option: str) -> bytes:
    """Bytes from a hex option; the message of a failure does not repeat the text, which may be a secret."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be an even number of hex digits") from None
