"""The life of a board under test: there, gone, off and on again. Its bytes are `testbed.hil.connection`'s business.

Two kinds, one face: a board that is attached to this host, and an emulated one that this process starts.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from headend.files import write_file

from testbed.hil.board_process import BoardProcess
from testbed.hil.connection import Connection
from testbed.machines.base import UARTS, WIRES, MachineError

CONSOLE, MODEM, TUNER, NETWORK = "console", "modem", "tuner", "network"
"""A board's ports, by the lines into it: of the others it has what its WIRES say. The decoder's output comes back on
the tuner's. A board on one cable has the console alone."""


class Profile(Protocol):
    """What of a board's profile (`testbed.boards.Board`) matters here."""

    @property
    def name(self) -> str: ...
    @property
    def dtr(self) -> bool: ...
    @property
    def rts(self) -> bool: ...


class Adapter(Protocol):
    """A board's life cycle. `urls` has a URL for each port that it has, as long as it is launched.

    logs: folder for one log file a line, or None.
    """

    name: str
    urls: dict[str, str]
    logs: Path | None

    def keep_step(self, bench_ns: int) -> bool:
        """See `testbed.machines.base.KeepsStep`."""

    def launch(self) -> None:
        """See to it that the board is there; nothing is done to one that is. Raises MachineError."""

    def close(self) -> None:
        """Give it back: end a board that `launch` started, leave an attached one as it is. May be called twice."""

    def fault(self) -> str | None:
        """Why the board is gone, in words; None while it is there."""

    def power_off(self) -> None:
        """Cut its power. Raises MachineError where nobody can."""

    def power_on(self) -> None:
        """Give it back its power. Raises MachineError where nobody can."""

    def connection(self, port: str, baud: int, log_name: str) -> Connection:
        """A connection, closed yet, to one of its ports. Raises MachineError where the board has no such port.

        log_name: of its log; "console" is text.
        """


def power_cycle(adapter: Adapter) -> None:
    """Off and on again. Raises MachineError where nobody can."""
    adapter.power_off()
    adapter.power_on()


def alive(adapter: Adapter) -> bool:
    return adapter.fault() is None


def _connect(adapter: Adapter, port: str, baud: int, profile: Profile | None, log_name: str) -> Connection:
    if port not in adapter.urls:
        raise MachineError(
            f"board {adapter.name} has no {port} port here, it has {', '.join(adapter.urls)}; "
            f"name one with --{port}-port, or put all lines on one cable with --link cable"
        )
    on_usb = port == CONSOLE
    return Connection(
        port,
        adapter.urls[port],
        baud,
        # Only the console is the board's own port; the others lead to serial adapters.
        dtr=profile.dtr if profile and on_usb else None,
        rts=profile.rts if profile and on_usb else None,
        log=None if adapter.logs is None else adapter.logs / f"{log_name}.log",
        text=log_name == CONSOLE,
        fault=adapter.fault,
    )


class AttachedBoard:
    """A board that somebody has connected: `urls` are whatever pyserial opens.

    profile: its dtr and rts keep attaching from being a reset. logs: folder for one log file a line.
    """

    def __init__(self, urls: dict[str, str], profile: Profile | None = None, logs: Path | None = None) -> None:
        self.name = profile.name if profile else "attached"
        self.urls = dict(urls)
        self._profile = profile
        self.logs = logs
        self._launched = False

    def keep_step(self, bench_ns: int) -> bool:
        return False

    def launch(self) -> None:
        fault = self._missing()
        if fault:
            raise MachineError(fault)
        self._launched = True

    def close(self) -> None:
        self._launched = False

    def _missing(self) -> str | None:
        for port, url in self.urls.items():
            if "://" not in url and not Path(url).exists():
                return f"there is no {url} for the {port}: is board {self.name} plugged in?"
        return None

    def fault(self) -> str | None:
        """Only a device can be seen to be gone; of a `socket://` its connection tells."""
        return self._missing() if self._launched else "the board is not attached: launch() first"

    def power_off(self) -> None:
        raise MachineError(f"nobody here can cut the power of board {self.name}: it is attached; pull its plug by hand")

    def power_on(self) -> None:
        raise MachineError(f"nobody here can switch board {self.name} on: it is attached; plug it in by hand")

    def connection(self, port: str, baud: int, log_name: str) -> Connection:
        return _connect(self, port, baud, self._profile, log_name)


class EmulatedBoard:
    """An emulated Pico in a process of its own (`ringcast board`), used through its ptys as any board.

    flash: what it starts with; without it, the stock image and an empty file system. seed: identity and randomness.
    wires: what its UARTs lead to, as its board_config.py has it. keep_flash: a file for it instead of one that goes
    with the board.
    """

    name = "emulated pico"

    def __init__(
        self,
        flash: bytes | None = None,
        seed: bytes = b"",
        profile: Profile | None = None,
        logs: Path | None = None,
        keep_flash: Path | None = None,
        wires: tuple[str, ...] = WIRES,
    ) -> None:
        self.urls: dict[str, str] = {}
        self._wires = wires
        self._flash = flash
        self._seed = int.from_bytes(hashlib.sha256(seed).digest()[:6], "big")
        self._profile = profile
        self.logs = logs
        self._keep_flash = keep_flash
        self._folder: Path | None = None
        self.process: BoardProcess | None = None

    def keep_step(self, bench_ns: int) -> bool:
        self._there().keep_step(bench_ns)
        return True

    def launch(self) -> None:
        if self.process is not None:
            return
        self._folder = Path(tempfile.mkdtemp(prefix="ringcast-board-"))
        kept = self._keep_flash or self._folder / "flash"
        if self._flash is not None:
            write_file(kept, self._flash)
        self.process = BoardProcess(self._folder / "pico", "--flash", str(kept), "--seed", str(self._seed))
        try:
            self.process.start()
        except BaseException:
            self.close()
            raise
        ports = self.process.ports
        self.urls = {
            CONSOLE: str(ports["usb"]),
            **{line: str(ports[uart]) for uart, line in zip(UARTS, self._wires, strict=False)},
        }

    def close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self.urls = {}

    def _there(self) -> BoardProcess:
        if self.process is None:
            raise MachineError("the emulated board is not there: launch() first")
        return self.process

    def fault(self) -> str | None:
        return "the emulated board is not there: launch() first" if self.process is None else self.process.fault()

    def power_off(self) -> None:
        self._there().power_off()

    def power_on(self) -> None:
        self._there().power_on()

    def connection(self, port: str, baud: int, log_name: str) -> Connection:
        return _connect(self, port, baud, self._profile, log_name)
