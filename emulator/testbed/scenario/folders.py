"""What a run reads and where its files appear: an input as plain packets, results all at once."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headend.files import replacing, write_all
from headend.stopping import undisturbed
from headend.ts.io.sources import Source
from headend.ts.io.targets import is_stream
from headend.ts.packets import TsFile
from settop.errors import LocalError
from settop.wire.transport import PACKET_BYTES


@contextmanager
def appearing_at_once(out: Path) -> Iterator[Path]:
    """A folder to write into; its files move to `out` when the block ends without an error, else they are removed.

    So a run that is given up leaves no files of its own among those of an earlier one.
    """
    out.mkdir(parents=True, exist_ok=True)
    with undisturbed():
        work = Path(tempfile.mkdtemp(prefix=".run-", dir=out))
    try:
        yield work
        with undisturbed():
            for path in sorted(work.iterdir()):
                os.replace(path, out / path.name)
    finally:
        with undisturbed():
            shutil.rmtree(work, ignore_errors=True)


def refuse_pipe(source: Path) -> None:
    """LocalError where the input can be read only once: a run looks at it several times."""
    if is_stream(source):
        raise LocalError(f"{source} can be read only once; write it into a file first, and give that")


def plain_input(source: Path, folder: Path, tell: Callable[[str], None]) -> Path:
    """`source`, or where its packets do not simply follow one another, a copy of these alone in `folder`.

    `tell` gets a line about what was left out. Raises as `TsFile` does.
    """
    refuse_pipe(source)
    with Source(source, tell) as given, TsFile(given) as stream:
        for _ in stream.chunks():  # only now is it known whether octets are missing
            pass
        if stream.plain_at == 0 and stream.packets * PACKET_BYTES == source.stat().st_size:
            return source
        copy = folder / "input.ts"
        with replacing(copy, stream.packets * PACKET_BYTES) as handle:
            for _, chunk in stream.chunks():
                write_all(handle, chunk.tobytes())
        return copy
