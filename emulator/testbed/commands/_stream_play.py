"""`ringcast stream play`: the firmware's viewer on this computer, over real sockets."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

from testbed.commands.ending import tell

if TYPE_CHECKING:
    from testbed.streaming.faces import Seen

TOKEN = "RINGCAST_TOKEN"  # noqa: S105 (the variable's name)
_MOST_TOKEN = 4_096


def play(
    url: Annotated[str, typer.Argument(metavar="URL", help="The title: rtsp://HOST[:PORT]/NAME, port 554 by itself.")],
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="T",
            help="The token itself. Everybody on this machine can read it in the list of processes, the shell keeps it "
            "in its history, and who has it can watch in the user's place: prefer --token-file or RINGCAST_TOKEN.",
        ),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", metavar="FILE", help="A file whose first line is the token; - is standard input."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="U", help="Whose token it is.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="What is played, as MPEG-TS; - is standard output."),
    ] = None,
    buffer_ms: Annotated[
        int, typer.Option("--buffer-ms", metavar="N", min=100, max=60_000, help="So much is here before it is played.")
    ] = 1_000,
    tcp: Annotated[bool, typer.Option("--tcp", help="Media over the control connection, not by UDP.")] = False,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Counters, and the SHA-256 of what was played.")
    ] = None,
) -> None:
    """Play a title as a terminal does, at its own pace, to its end.

    \b
      ringcast stream play rtsp://HOST/metropolis --user ann --token-file T --out film.ts
      ringcast stream play rtsp://HOST/metropolis --user ann --token-file T --out - | ffplay -

    The token comes from --token-file, from --token, or from RINGCAST_TOKEN in the environment; without one, titles in
    the clear play. What was played stays in the file, however it ended.

    Exit status: 0 when the title was played to its end; 1 where it was not, and a line says why: the token is not good,
    there is no such title, nothing came for 5 s, the server has gone; 2 for options; 130 after Ctrl-C, of which the
    server is told.
    """
    from headend.files import write_file

    from testbed.machines.cpython import use_shims

    use_shims()
    from testbed.streaming.faces import Wanted
    from testbed.streaming.viewer import Viewer, place_of

    try:
        place_of(url)
    except LocalError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    shown = _token(token, token_file)
    if (shown is None) != (user is None):
        raise typer.BadParameter(
            "--user says whose token it is, and there is no token: --token-file FILE, or RINGCAST_TOKEN"
            if shown is None
            else "a token is good for its user alone: --user says who that is"
        )
    _check_targets(out, json_)
    sink = _Sink(out)
    try:
        viewer = Viewer(Wanted(url, shown, user or "", tcp, buffer_ms), sink)
        try:
            with _progress() as show:
                viewer.play(show)
        finally:
            seen = viewer.seen()
            if json_ is not None:
                write_file(json_, _as_json(seen))
            if seen.octets:
                tell("ringcast stream play", _summary(seen))
    finally:
        sink.close()


def _token(token: str | None, path: str | None) -> str | None:
    """None: there is none. Raises a usage error, LocalError, OSError."""
    if token is not None and path is not None:
        raise typer.BadParameter("a token is given once: --token-file FILE or --token, not both")
    if path is not None:
        if path == "-":
            line = sys.stdin.readline(_MOST_TOKEN)
        else:
            with open(path, errors="replace") as file:
                line = file.readline(_MOST_TOKEN)
        if not line.strip():
            raise LocalError(f"{'standard input' if path == '-' else path} has no token in its first line")
        return line.strip()
    return (token if token is not None else os.environ.get(TOKEN, "")).strip() or None


def _check_targets(*paths: Path | None) -> None:
    """Before anything is asked for. Raises LocalError."""
    for path in paths:
        if path is None or str(path) == "-":
            continue
        if path.is_dir():
            raise LocalError(f"{path} is a folder; expected the name of a file")
        if not path.absolute().parent.is_dir():
            raise LocalError(f"{path} cannot be written: there is no folder {path.parent}")


class _Sink:
    """Where the title goes: a file, made with its first octet, standard output or another pipe, or nowhere."""

    def __init__(self, out: Path | None) -> None:
        """Opens what is no file of its own at once: it may wait for its reader. Raises LocalError, OSError."""
        self._out = out
        self._handle: int | None = None
        self._waits = False
        if out is not None and (str(out) == "-" or (out.exists() and not out.is_file())):
            self._open(out)

    def write(self, octets: memoryview) -> int:
        """Takes nothing where a pipe is full, so that its reader holds the title back, and not this program."""
        if self._out is None:
            return len(octets)
        if self._handle is None:
            self._open(self._out)
        assert self._handle is not None
        if self._waits and not self._takes():
            return 0
        try:
            return os.write(self._handle, octets)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._out)) from None

    def _open(self, out: Path) -> None:
        import stat

        self._handle = os.dup(1) if str(out) == "-" else os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._waits = not stat.S_ISREG(os.fstat(self._handle).st_mode)
        if os.isatty(self._handle):
            raise LocalError("the title would go to a terminal; expected a file, or `--out - | PROGRAM`")

    def _takes(self) -> bool:
        """Whether there is room for 4,096 octets, which are more than a packet has (pipe(7), PIPE_BUF)."""
        import select

        poll = select.poll()
        poll.register(self._handle or 0, select.POLLOUT)
        return bool(poll.poll(0))

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextmanager
def _progress() -> "Iterator[Callable[[Seen], None]]":
    """A line on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda seen: None
        return
    from rich.console import Console

    before = (time.monotonic(), 0)
    with Console(stderr=True).status("connecting") as status:

        def show(seen: "Seen") -> None:
            nonlocal before
            now_s = time.monotonic()
            rate = (seen.octets - before[1]) * 8 / 1000 / max(now_s - before[0], 0.001)
            if now_s - before[0] >= 1.0:
                before = now_s, seen.octets
            of = "" if seen.duration_ms is None else f" of {seen.duration_ms / 1000:.1f}"
            status.update(
                f"{seen.state} {seen.played_ms / 1000:.1f}{of} s   buffer {seen.level_ms / 1000:.1f} s   "
                f"{rate:.0f} kbit/s   lost {seen.lost} ({_share(seen):.1f} %)"
            )

        yield show


def _share(seen: "Seen") -> float:
    """Lost of all, in percent."""
    return 100 * seen.lost / max(seen.packets + seen.lost, 1)


def _summary(seen: "Seen") -> str:
    least = "-" if seen.least_ms is None else f"{seen.least_ms} to {seen.most_ms} ms"
    return (
        f"{seen.state}: {seen.octets:,} octets in {seen.packets:,} packets by {seen.transport.upper()}, "
        f"{seen.suite or 'in the clear'}; lost {seen.lost} ({_share(seen):.1f} %), late {seen.late}, "
        f"underruns {seen.underruns}, overruns {seen.overruns}, buffer {least}; SHA-256 {seen.sha256}"
    )


def _as_json(seen: "Seen") -> bytes:
    import json

    return (json.dumps(dataclasses.asdict(seen), indent=2) + "\n").encode()
