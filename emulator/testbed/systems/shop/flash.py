"""What a terminal keeps through a power cut, taken out and put in by somebody else than its firmware: a thief, say.

Stored     keystore, titles and copies, and the lock keys and the counter that lie outside the file system
taken      of a machine, on or off
put        into one that is off, in place of all that it had of these
everything octets in which a search finds whatever lies there in clear
"""

from dataclasses import dataclass
from pathlib import Path

from littlefs import LittleFS
from settop.errors import LocalError

from testbed.machines.base import Machine
from testbed.machines.cpython import CpythonMachine
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import BLOCK_BYTES, files_start
from testbed.machines.unix import UnixMachine

KEYSTORE = "keys"
ROOTS = (KEYSTORE, "titles", "player")
VAULT_BLOCKS = 4
_LOCK_FILE = "lock.key"  # boards/unix/board.py


@dataclass(frozen=True)
class Stored:
    """files: by path. vault: two blocks of lock keys, two of the counter (settop.keystore.blocks)."""

    files: dict[str, bytes]
    vault: bytes

    def under(self, root: str) -> dict[str, bytes]:
        """Files of one of ROOTS."""
        return {path: octets for path, octets in self.files.items() if path.startswith(root + "/")}


BLANK = Stored({}, b"\xff" * (VAULT_BLOCKS * BLOCK_BYTES))
"""Of a terminal that was never provisioned, or was wiped."""


def taken(machine: Machine) -> Stored:
    """What is there. LocalError: a machine whose flash cannot be had."""
    if isinstance(machine, CpythonMachine):
        files = {path: octets for path, octets in machine.files.items() if _is_stored(path)}
        return Stored(files, bytes(machine.vault))
    if isinstance(machine, UnixMachine):
        lock = machine.folder / _LOCK_FILE
        files = {
            path.relative_to(machine.folder).as_posix(): path.read_bytes()
            for root in ROOTS
            for path in sorted((machine.folder / root).rglob("*"))
            if path.is_file()
        }
        return Stored(files, lock.read_bytes() if lock.exists() else BLANK.vault)
    pico = _pico(machine)
    system, start = _mounted(pico)
    files = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.strip('/')}/{name}".lstrip("/")
            if _is_stored(path):
                with system.open(path, "rb") as file:
                    files[path] = file.read()
    return Stored(files, _upside_down(bytes(pico.flash[start - VAULT_BLOCKS * BLOCK_BYTES : start])))


def put(machine: Machine, stored: Stored) -> None:
    """From its next start on it has this and nothing else of the kind. LocalError: it is on."""
    if isinstance(machine, CpythonMachine):
        if machine.app is not None:
            raise LocalError("this terminal is on: cut its power first")
        for path in [path for path in machine.files if _is_stored(path)]:
            del machine.files[path]
        machine.files.update(stored.files)
        machine.vault[:] = stored.vault
    elif isinstance(machine, UnixMachine):
        if machine.running:
            raise LocalError("this terminal is on: cut its power first")
        _put_in_folder(machine.folder, stored)
    else:
        pico = _pico(machine)
        system, start = _mounted(pico)
        for root in ROOTS:
            if root in system.listdir("/"):
                for name in system.listdir(root):
                    system.remove(f"{root}/{name}")
        for path, octets in sorted(stored.files.items()):
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(octets)
        flash = bytearray(pico.flash)
        flash[start - VAULT_BLOCKS * BLOCK_BYTES : start] = _upside_down(stored.vault)
        flash[start:] = system.context.buffer
        pico.put_flash(bytes(flash))


def everything(machine: Machine) -> bytes:
    """All octets of its flash; of a machine that has none, of what it keeps."""
    if isinstance(machine, PicoMachine):
        return bytes(machine.flash)
    stored = taken(machine)
    return b"".join([stored.vault, *stored.files.values()])


def device_id(machine: Machine) -> bytes:
    """What the board says that it is (board.unique_id): it cannot be copied. A unix process has none of its own."""
    return b"unix" if isinstance(machine, UnixMachine) else bytes(getattr(machine, "unique_id", b""))


def _is_stored(path: str) -> bool:
    return path.partition("/")[0] in ROOTS and "/" in path


def _pico(machine: Machine) -> PicoMachine:
    if not isinstance(machine, PicoMachine):
        raise LocalError(f"what lies in the flash of a {machine.name} cannot be had here")
    return machine


def _mounted(machine: PicoMachine) -> tuple[LittleFS, int]:
    """A copy of its file system, and where in the flash that begins."""
    flash = bytes(machine.flash)
    start = files_start(flash)
    count = (len(flash) - start) // BLOCK_BYTES
    system = LittleFS(block_size=BLOCK_BYTES, block_count=count, mount=False)
    system.context.buffer = bytearray(flash[start:])
    system.mount()
    return system, start


def _upside_down(vault: bytes) -> bytes:
    """A Pico counts these blocks from the file system down (boards/shared/board_rp2.py)."""
    blocks = [vault[at : at + BLOCK_BYTES] for at in range(0, len(vault), BLOCK_BYTES)]
    return b"".join(reversed(blocks))


def _put_in_folder(folder: Path, stored: Stored) -> None:
    for root in ROOTS:
        for path in sorted((folder / root).rglob("*")):
            if path.is_file():
                path.unlink()
    for name, octets in stored.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(octets)
    (folder / _LOCK_FILE).write_bytes(stored.vault)
    (folder / _LOCK_FILE).chmod(0o600)
