"""A pretend board behind a pty: MicroPython's REPL with a file system, as far as a flash needs it, or something worse.

The REPL is written from MicroPython's description of it (docs: "The MicroPython Interactive Interpreter Mode"); what it
is told, CPython executes, with an `os` and an `open` that see one folder of the host. The emulated Pico is the judge of
whether we understood the real one: here are the boards that a bench cannot have.
"""

import binascii
import builtins
import contextlib
import errno
import hashlib
import io
import os
import re
import select
import struct
import threading
import traceback
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

from settop.version import FORMATS

BANNER = b"raw REPL; CTRL-B to exit\r\n>"
HELLO = b'\r\nMicroPython v1.25.0 on 2025-04-15; pretend board\r\nType "help()" for more information.\r\n>>> '
WINDOW_BYTES = 128
BLOCK_BYTES = 4096
BLOCKS = 352


@dataclass
class Pretence:
    """What is pretended. free_bytes: of the file system, None for plenty."""

    version: tuple[int, ...] = (1, 25, 0)
    implementation: str = "micropython"
    platform: str = "rp2"
    machine: str = "Raspberry Pi Pico with RP2040"
    mpy: int = 0x1306  # version 6.3, armv6m
    frozen: bool = False
    inside: tuple[tuple[str, ...], bool, str] | None = None  # what a frozen image says of itself
    free_bytes: int | None = None
    full_after_bytes: int | None = None  # ENOSPC from there on, whatever statvfs said
    spoils: str = ""  # what is written to a file whose bytes contain this comes out wrong
    deaf_to: int = 0  # Ctrl-C that are lost before one works
    app_output: bytes = b""  # what the running program says, again and again
    ready: bytes = b"@ 3 ready board=pretend formats=%d boot=0 terminal=unprovisioned\r\n" % FORMATS
    answers: dict[bytes, bytes] = field(default_factory=dict)  # the terminal's, by console line
    raw_paste: bool = True
    path: tuple[str, ...] = ("", ".frozen", "/lib")
    lock: dict[int, bytearray] = field(default_factory=lambda: {n: bytearray(b"\xff" * 64) for n in range(-4, 0)})


class PretendBoard:
    """A context manager. `port` is what to open; `root` the board's file system.

    A boot.py in `root` runs at every start, as far as it is understood: `chdir('/X')`, `umount`, `readonly=True`,
    `ramdisk` (mounted at /), and `while True`, which says `app_output` until Ctrl-C.

    `state` is app, friendly or raw, or for worse boards silent, echo, garbage, chatter, parrot. `heard` is every byte
    that came, `obeyed` every line that was entered at the friendly prompt.
    """

    def __init__(self, folder: Path, pretence: Pretence | None = None, state: str = "friendly") -> None:
        self.is_ = pretence or Pretence()
        self.root = folder / "root"
        self.root.mkdir()
        self.port = str(folder / "pretend-usb")
        self.state = state
        self.heard = bytearray()
        self.obeyed: list[bytes] = []
        self.reboots = 0
        self._line = bytearray()
        self._paste: bytearray | None = None
        self._ctrl_c = 0
        self._written = 0
        self._pull_at: int | None = None
        self._pulled = threading.Event()
        self._names: dict = {}
        self._booting = ""  # in a boot.py that does not end: the state after Ctrl-C
        self._mount()
        self._master = -1
        self._stop = threading.Event()

    def __enter__(self) -> "PretendBoard":
        self._open()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        if self._master >= 0:
            os.close(self._master)

    def _open(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        os.close(slave)
        link = Path(self.port)
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        self._master = master

    # The cable.

    def pull_after(self, count: int) -> None:
        """The cable comes out when so many more bytes have come in."""
        self._pulled.clear()
        self._pull_at = len(self.heard) + count

    def plug(self, power_cycled: bool) -> None:
        """And back in; power_cycled: the board had its power from it."""
        assert self._pulled.wait(5), "nobody pulled the cable"
        if power_cycled:
            self._line.clear()
            self._paste = None
            self._boot()
        self._open()

    @property
    def pulled(self) -> bool:
        return self._pulled.is_set()

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    # The wire.

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._master < 0:
                self._stop.wait(0.002)
                continue
            ready, _, _ = select.select([self._master], [], [], 0.002)
            if (self.state in ("app", "chatter") or self._booting) and self.is_.app_output:
                self._say(self.is_.app_output)
            if ready:
                try:
                    data = os.read(self._master, 256)
                except OSError:  # nobody has it open
                    self._stop.wait(0.005)
                    continue
                self._take(data)

    def _say(self, data: bytes) -> None:
        if self._master < 0:
            return
        with contextlib.suppress(OSError):
            if select.select([], [self._master], [], 0)[1]:
                os.write(self._master, data)

    def _take(self, data: bytes) -> None:
        for octet in data:
            self.heard.append(octet)
            if self._pull_at is not None and len(self.heard) >= self._pull_at:
                self._pull_at = None
                os.close(self._master)
                self._master = -1
                Path(self.port).unlink()
                self._pulled.set()
                return
            if self.state == "echo":
                self._say(bytes((octet,)))
            elif self.state == "garbage":
                self._say(bytes((octet ^ 0xA5, 0xFE, 0x80)))
            elif self.state == "parrot" and octet == 1:
                self._say(BANNER)
            elif self.state in ("app", "friendly", "raw"):
                self._repl(octet)

    # The REPL.

    def _repl(self, octet: int) -> None:
        if self._booting:
            if octet == 3:
                self.state, self._booting = self._booting, ""
                self._say(b"Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n")
                self._say(BANNER if self.state == "raw" else HELLO)
        elif self.state == "app":
            if octet == 3:
                self._ctrl_c += 1
                if self._ctrl_c > self.is_.deaf_to:
                    self.state = "friendly"
                    self._say(b"Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n" + HELLO)
                self._line.clear()
            elif octet in b"\r\n":
                self._say(self.is_.answers.get(bytes(self._line.partition(b" ")[0]), b""))
                self._line.clear()
            else:
                self._line.append(octet)
        elif self._paste is not None:
            self._raw_paste(octet)
        elif octet == 3:
            self._line.clear()
            self._say(b"\r\n>>> " if self.state == "friendly" else b"")
        elif octet == 1:
            if self.state == "raw" and bytes(self._line) == b"\x05A" and self.is_.raw_paste:
                self._paste = bytearray()
                self._say(b"R\x01" + struct.pack("<H", WINDOW_BYTES) + b"\x01")
            else:
                self.state = "raw"
                self._say(BANNER)
            self._line.clear()
        elif octet == 2:
            self._line.clear()
            self.state = "friendly"
            self._say(HELLO)
        elif octet == 4 and self.state == "friendly":
            if not self._line:
                self._say(b"\r\nMPY: soft reboot\r\n")
                self._boot()
        elif octet == 4:
            code = bytes(self._line)
            self._line.clear()
            self._say(b"OK")
            if code:
                self._say(self._execute(code) + b">")
            else:
                self.reboots += 1
                self._names = {}
                self._say(b"\r\nMPY: soft reboot\r\n")
                if self._boot_py("raw"):
                    self._say(BANNER)
        elif octet == 13 and self.state == "friendly":
            self.obeyed.append(bytes(self._line))
            self._line.clear()
            self._say(b"\r\n>>> ")
        else:
            self._line.append(octet)
            if self.state == "friendly":
                self._say(bytes((octet,)))

    def _raw_paste(self, octet: int) -> None:
        assert self._paste is not None
        if octet == 3:
            self._paste = None
            self._say(b"\x04\x04\r\nTraceback (most recent call last):\r\nKeyboardInterrupt: \r\n\x04>")
        elif octet == 4:
            code, self._paste = bytes(self._paste), None
            self._say(b"\x04" + self._execute(code) + b">")
        else:
            self._paste.append(octet)
            if len(self._paste) % WINDOW_BYTES == 0:
                self._say(b"\x01")

    def _mount(self) -> None:
        """As at every start: the file system at /, for writing."""
        self.cwd, self.mounted, self.read_only, self.ramdisk = "/", True, False, False

    def _boot_py(self, then: str) -> bool:
        """Whether boot.py comes to its end; otherwise Ctrl-C leads to the state `then`."""
        self._mount()
        code = (self.root / "boot.py").read_bytes().decode() if (self.root / "boot.py").is_file() else ""
        if found := re.search(r"chdir\('(.*?)'\)", code):
            self.cwd = found[1]
        self.mounted = "umount" not in code
        self.read_only = "readonly=True" in code
        self.ramdisk = "ramdisk" in code
        self._booting = then if "while True" in code else ""
        return not self._booting

    def _boot(self) -> None:
        self.reboots += 1
        self._names = {}
        self._ctrl_c = 0
        if not self._boot_py("friendly"):
            return
        if self.mounted and not self.ramdisk and self._at("main.py").is_file():
            self.state = "app"
            self._say(self.is_.ready)
        else:
            self.state = "friendly"
            self._say(HELLO)

    def _execute(self, code: bytes) -> bytes:
        out = io.StringIO()
        if not self._names:
            self._names = {"__builtins__": self._builtins(), "__name__": "__main__"}
        self._names["__builtins__"]["print"] = lambda *a, sep=" ", end="\n": out.write(sep.join(map(str, a)) + end)
        error = b""
        try:
            exec(compile(code, "<stdin>", "exec"), self._names)  # noqa: S102 (our own flash's code)
        except OSError as problem:
            error = b"Traceback (most recent call last):\r\nOSError: %d\r\n" % problem.errno
        except Exception as problem:
            error = traceback.format_exc().encode() + f"\r\n{type(problem).__name__}: {problem}\r\n".encode()
        return out.getvalue().replace("\n", "\r\n").encode() + b"\x04" + error + b"\x04"

    # The board's Python.

    def _builtins(self) -> dict:
        modules = {
            "os": self._os(),
            "sys": self._sys(),
            "hashlib": hashlib,
            "binascii": binascii,
            "rp2": SimpleNamespace(Flash=lambda: _Flash(self.is_.lock)),
            "vfs": SimpleNamespace(VfsLfs2=lambda *_, **__: None, umount=lambda path: None, mount=self._mount_again),
        }
        if self.is_.frozen:
            modules["settop"] = ModuleType("settop")
            if self.is_.inside is not None:
                said = dict(zip(("SERVICES", "NETWORK", "SOURCES"), self.is_.inside, strict=True))
                modules["settop.inside"] = SimpleNamespace(**said)

        def import_(name: str, *_: object) -> object:
            if name not in modules:
                raise ImportError(f"no module named '{name}'")
            return modules[name]

        return {**vars(builtins), "open": self._file, "__import__": import_}

    def _mount_again(self, system: object, path: str) -> None:
        self._mount()

    def _at(self, path: str) -> Path:
        root = self.root.parent / "ramdisk" if self.ramdisk else self.root
        root.mkdir(exist_ok=True)
        return root / (path if path.startswith("/") else f"{self.cwd}/{path}").lstrip("/")

    def _changed(self) -> None:
        """Raises what a file system does that takes no changes."""
        if not self.mounted:
            raise OSError(errno.EPERM, "no file system")
        if self.read_only:
            raise OSError(errno.EROFS, "read-only")

    def _file(self, path: str, mode: str = "r") -> "io.IOBase | _Writer":
        if "w" in mode:
            self._changed()
            return _Writer(self, self._at(path))
        return open(self._at(path), mode, buffering=0 if "b" in mode else -1)

    def write(self, target: Path, data: bytes) -> None:
        """Every write to the board's file system."""
        self._written += len(data)
        if self.is_.full_after_bytes is not None and self._written > self.is_.full_after_bytes:
            raise OSError(errno.ENOSPC, "full")
        if self.is_.spoils and self.is_.spoils.encode() in data:
            data = data[:-1] + bytes((data[-1] ^ 1,))
        with open(target, "ab") as file:
            file.write(data)

    def _sys(self) -> SimpleNamespace:
        is_ = self.is_
        implementation = _Implementation((is_.implementation, (*is_.version, "")))
        implementation._machine, implementation._mpy = is_.machine, is_.mpy
        return SimpleNamespace(implementation=implementation, platform=is_.platform, path=list(is_.path), modules={})

    def _os(self) -> SimpleNamespace:
        def stat(path: str) -> tuple:
            found = os.stat(self._at(path))
            return (0x4000 if self._at(path).is_dir() else 0x8000, 0, 0, 0, 0, 0, found.st_size, 0, 0, 0)

        def ilistdir(path: str) -> list:
            return [(p.name, 0x4000 if p.is_dir() else 0x8000, 0, 0) for p in sorted(self._at(path).iterdir())]

        def statvfs(path: str) -> tuple:
            if not self.mounted:
                raise OSError(errno.EPERM, "no file system")
            free = 1 << 20 if self.is_.free_bytes is None else self.is_.free_bytes
            blocks = 16 if self.ramdisk else BLOCKS
            return (BLOCK_BYTES, BLOCK_BYTES, blocks, free // BLOCK_BYTES, free // BLOCK_BYTES, 0, 0, 0, 0, 255)

        def chdir(path: str) -> None:
            self.cwd = path

        def change(what: Callable, *paths: str) -> None:
            self._changed()
            what(*map(self._at, paths))

        return SimpleNamespace(
            stat=stat,
            ilistdir=ilistdir,
            statvfs=statvfs,
            getcwd=lambda: self.cwd,
            chdir=chdir,
            remove=lambda path: change(os.remove, path),
            rename=lambda old, new: change(os.replace, old, new),
            mkdir=lambda path: change(os.mkdir, path),
            rmdir=lambda path: change(os.rmdir, path),
            sync=lambda: None,
        )


class _Implementation(tuple):
    """sys.implementation: by index and, for two of its fields, by name."""


class _Writer:
    def __init__(self, board: PretendBoard, target: Path) -> None:
        self._board, self._target = board, target
        target.write_bytes(b"")

    def write(self, data: bytes) -> int:
        self._board.write(self._target, data)
        return len(data)

    def close(self) -> None:
        pass


class _Flash:
    """rp2.Flash, of which the heads of the keystore's four blocks are all that there is."""

    def __init__(self, blocks: dict[int, bytearray]) -> None:
        self._blocks = blocks

    def readblocks(self, block: int, into: bytearray) -> None:
        into[:] = self._blocks[block][: len(into)]

    def ioctl(self, command: int, block: int) -> int | None:
        if command in (4, 5):  # how many blocks, and of what size
            return BLOCKS if command == 4 else BLOCK_BYTES
        assert command == 6
        self._blocks[block][:] = b"\xff" * 64
        return None
