"""The dialogue of a provisioning over a board's console, which three commands lead."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import typer
from settop.errors import LocalError, RemoteError
from settop.wire import provision as wire
from settop.wire.console import parse

if TYPE_CHECKING:
    from headend.provisioning import Exchange, HeadendKey, NewTerminal

BOARD_TIMEOUT_S = 20.0
"""A Pico takes about a second for each X25519 step and erases flash after it."""
CONSENT_S = 60.0
_LINE_LIMIT_BYTES = 400


class Console(Protocol):
    """What is used of a pyserial port; `readline` comes back empty-handed after the port's own time-out."""

    def write(self, data: bytes, /) -> int | None: ...

    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Person:
    """Whoever is at the bench. same: whether the board shows this code. number: what the board wants to have typed
    before it gives up the identity that it has; the argument is its own line."""

    same: Callable[[str], bool]
    number: Callable[[str], str]


def _same(code: str) -> bool:
    return typer.confirm(f"code {code}: does the board itself show the same?", err=True)


def _number(asked: str) -> str:
    typer.echo(f"the board asks: {asked}", err=True)
    answer: str = typer.prompt("type the number to give up the identity that it has", err=True)
    return answer.split()[-1] if answer.split() else ""


ASKED = Person(_same, _number)
UNASKED = Person(lambda code: True, _number)
"""For scripts: no code is compared by eye."""


@dataclass(frozen=True)
class Registry:
    """Where identities come from: the head-end's static key, the device key of a terminal that it knows (or None),
    a new terminal, and how one is taken back whose board did not want it."""

    headend: "HeadendKey | None"
    old_device_key: Callable[[bytes], bytes | None]
    register: Callable[[], "NewTerminal"]
    forget: Callable[["NewTerminal"], None]


def provision_board(
    console: Console,
    registry: Registry,
    person: Person,
    *,
    replace: bool = False,
    instead_of: bytes | None = None,
    timeout_s: float = BOARD_TIMEOUT_S,
) -> "NewTerminal":
    """Leads the dialogue on a board's console. The terminal is registered when the codes were found alike.

    Raises LocalError where the board has an identity that is not ours and `replace` is not said; RemoteError where the
    board refuses, which takes the terminal back, answers nonsense or falls silent. Where what it says is not proved to
    be this board's, it may have the identity, and keeps its registration.
    """
    from headend.provisioning import Exchange, read_board_key

    exchange = Exchange(registry.headend)
    console.write(f"\r\n{exchange.ask()}\r\n".encode())
    board = read_board_key(_answer(console, (wire.KEY,), timeout_s)[1])
    console.write(f"{exchange.answer(board, registry.old_device_key, replace, instead_of)}\r\n".encode())
    event, shown = _answer(console, (wire.SHORT_CODE, wire.ASK_CONSENT), timeout_s)
    if event == wire.ASK_CONSENT:
        console.write(f"{wire.GIVE_CONSENT} {person.number(_printable(shown))}\r\n".encode())
        _, shown = _answer(console, (wire.SHORT_CODE,), timeout_s)
    if not exchange.is_code(shown):
        raise RemoteError(
            "the board has another code than this command: somebody sits between, or a line was damaged; nothing was "
            "sent and nobody was registered"
        )
    if not person.same(exchange.code):
        raise LocalError("the codes differ, so somebody sits between: nothing was sent and nobody was registered")
    terminal = registry.register()
    return _bring(console, exchange, terminal, registry, timeout_s)


def _bring(
    console: Console, exchange: "Exchange", terminal: "NewTerminal", registry: Registry, timeout_s: float
) -> "NewTerminal":
    name = terminal.terminal_id.hex()
    try:
        console.write(exchange.bring(terminal).encode() + b"\r\n")
        event, said = _answer(console, (wire.DONE, wire.SAID_NO), timeout_s)
        if event == wire.SAID_NO and exchange.has_refused(said):
            registry.forget(terminal)
            raise BoardRefused(f"the board says: {_printable(said.partition(' ')[2])}")
        if event != wire.DONE or not exchange.has_taken(said, terminal):
            raise RemoteError("somebody else than the board answered for it, or a line was damaged")
    except BoardRefused:
        raise
    except BaseException:
        # It may have the identity, and only the word of it was lost: without its registration that would be no good.
        with suppress(OSError):
            typer.echo(
                f"terminal {name} stays registered as subscriber {terminal.subscriber_id}: the board may have it. "
                f"Look at its `ready` line; where it does not say terminal={name}, provision it again",
                err=True,
            )
        raise
    return terminal


class BoardRefused(RemoteError):
    """The board proved that it has said no, so it has nothing."""


def _answer(console: Console, events: tuple[str, ...], timeout_s: float) -> tuple[str, str]:
    """(event, TEXT) of the first line of one of these events; others are passed over."""
    end_s = time.monotonic() + timeout_s
    line = b""
    while time.monotonic() < end_s:
        line += console.readline(_LINE_LIMIT_BYTES)
        if not line.endswith(b"\n") and len(line) < _LINE_LIMIT_BYTES:
            continue  # its time-out fell into a line
        found = parse(line.decode("ascii", "replace"))
        line = b""
        if found is None:
            continue
        _, said, text = found
        if said in events:
            return said, str(text)
        # Half a line that was there already, ended by ours, is what the board does not know.
        if said == "error" and not text.startswith("unknown command"):
            raise RemoteError(f"the board says: {_printable(text)}")
    raise RemoteError(
        f"no {events[0]} from the board in {timeout_s:g} s: does ringcast run there, is this its console, and is its "
        "firmware of this version?"
    )


def _printable(text: str) -> str:
    return "".join(c for c in text[:200] if c.isprintable())
