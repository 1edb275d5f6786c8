"""A Pico's keystore blocks and file system in a flash of `tests/vectors/flash_model.py`, and settop's keystore on them.

The file system is littlefs itself, by littlefs-python, with the settings that MicroPython gives it on the Pico.
"""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from littlefs import LittleFSError, UserContext, lfs
from settop.crypto import ccm
from settop.errors import RemoteError
from settop.keystore import blocks, slots
from settop.keystore.blocks import Counter, Locks
from settop.keystore.keystore import Keystore, Records
from testbed.machines.cpython import use_shims
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_BYTES, FILES_START, FLASH_BYTES

sys.path[:0] = [path for path in [str(Path(__file__).parent.parent / "vectors")] if path not in sys.path]
import flash_model  # noqa: E402

use_shims()

FILE_BLOCKS = FILES_BYTES // BLOCK_BYTES
LOCKS, COUNTS = (-1, -2), (-3, -4)
START = FILES_START - 4 * BLOCK_BYTES
"""Where in the flash begins what outlives an image: four blocks of lock keys and counter, then the files."""
BLOCK_CYCLES = 100  # VfsLfs2's and rp2's own settings, also below
PROGRAM_BYTES, CACHE_BYTES, LOOKAHEAD_BYTES = 256, 1024, 32
READ_BYTES = 256  # 32 on the board; it changes nothing in flash, and here a read costs more than its octets


def is_vault(block: int) -> bool:
    return block < 0


def model_of(flash: bytes) -> flash_model.Flash:
    """The blocks of FLASH_BYTES, or of what begins at START; those below the file system have negative numbers."""
    model = flash_model.Flash((), BLOCK_BYTES)
    tail = flash[START:] if len(flash) == FLASH_BYTES else flash
    for index, block in enumerate(range(-4, FILE_BLOCKS)):
        model.blocks[block] = bytearray(tail[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES])
    return model


def tail_of(model: flash_model.Flash) -> bytes:
    """What begins at START."""
    return b"".join(model.blocks[block] for block in range(-4, FILE_BLOCKS))


class SparseFlash(flash_model.Flash):
    """A copy that shares a block with the other until it is asked for to be changed. `weak_in`: the one block that may
    have weak cells."""

    def __init__(self, model: flash_model.Flash, weak_in: int | None = None) -> None:
        super().__init__((), BLOCK_BYTES)
        self.blocks: _Shared = _Shared(model.blocks)
        self.weak_in = weak_in
        assert not model.weak


class _Shared(dict[int, bytearray]):
    """Blocks that are copied when they are asked for."""

    def __init__(self, before: dict[int, bytearray]) -> None:
        super().__init__()
        self.before = before

    def __missing__(self, block: int) -> bytearray:
        self[block] = bytearray(self.before[block])
        return self[block]

    def look(self, block: int) -> bytearray:
        """For one who only reads."""
        return self[block] if block in self else self.before[block]


class _Medium(UserContext):  # type: ignore[misc]
    """littlefs's face of the model."""

    def __init__(self, model: SparseFlash) -> None:
        super().__init__(buffer=bytearray())
        self.model = model

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        if block != self.model.weak_in:
            return self.model.blocks.look(block)[off : off + size]
        data = bytearray(size)
        self.model.read(block, off, data)
        return data

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        for at in range(0, len(data), PROGRAM_BYTES):
            self.model.program(block, off + at, data[at : at + PROGRAM_BYTES])
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        self.model.erase(block)
        return 0


class Files:
    """Slot files (settop.keystore.files) on the littlefs in the model, mounted anew. LittleFSError: it cannot be."""

    def __init__(self, model: SparseFlash) -> None:
        self._settings = lfs.LFSConfig(
            context=_Medium(model),
            block_size=BLOCK_BYTES,
            block_count=FILE_BLOCKS,
            read_size=READ_BYTES,
            prog_size=PROGRAM_BYTES,
            cache_size=CACHE_BYTES,
            lookahead_size=LOOKAHEAD_BYTES,
            block_cycles=BLOCK_CYCLES,
        )
        self._lfs = lfs.LFSFilesystem()
        lfs.mount(self._lfs, self._settings)

    def read(self, path: str, limit: int) -> bytes | None:
        try:
            file = lfs.file_open(self._lfs, path, "r")
        except LittleFSError as error:
            return self._none(error)
        try:
            return lfs.file_read(self._lfs, file, limit)
        finally:
            lfs.file_close(self._lfs, file)

    def write(self, path: str, data: bytes) -> None:
        try:
            file = lfs.file_open(self._lfs, path, "w")
        except LittleFSError as error:
            self._none(error)
            lfs.mkdir(self._lfs, path.rsplit("/", 1)[0])
            file = lfs.file_open(self._lfs, path, "w")
        lfs.file_write(self._lfs, file, bytes(data))
        lfs.file_close(self._lfs, file)

    def remove(self, path: str) -> None:
        try:
            lfs.remove(self._lfs, path)
        except LittleFSError as error:
            self._none(error)

    def names(self, folder: str) -> list[str]:
        try:
            opened = lfs.dir_open(self._lfs, folder)
        except LittleFSError as error:
            self._none(error)
            return []
        found = []
        while (entry := lfs.dir_read(self._lfs, opened)) is not None:
            found.append(entry.name)
        lfs.dir_close(self._lfs, opened)
        return [name for name in found if name not in (".", "..")]

    @staticmethod
    def _none(error: LittleFSError) -> None:
        if error.code != LittleFSError.Error.LFS_ERR_NOENT:
            raise OSError(errno.EIO, str(error)) from error


class FlashBoard:
    """What the keystore wants of a board, with a model for its flash. A new one is a board just switched on."""

    STORAGE = "/keys"

    def __init__(self, model: SparseFlash, device: bytes) -> None:
        locks, counter = Locks(model, LOCKS), Counter(model, COUNTS)
        self.FILES = Files(model)
        self.load_locks, self.locks_damaged = locks.load, locks.damaged
        self.store_lock, self.forget_old_lock = locks.store, locks.give_up
        self.counter, self.count = counter.value, counter.count
        self.unique_id = lambda: device


class Started:
    """What a start finds: the boot's `number`, what is `wrong`, and where nothing is, `records` by SERVICE-NAME."""

    def __init__(self, model: SparseFlash, device: bytes) -> None:
        keystore = Keystore(FlashBoard(model, device))
        self.number, self.wrong = keystore.start()
        self.records: dict[str, bytes] = {}
        files = [] if self.wrong else keystore.files.names("/keys")
        for stem in sorted({name[:-2] for name in files if name[-2:] in (".a", ".b")}):
            service, _, name = stem.partition("-")
            data = Records(keystore, service).load(name) if name else None
            if data is not None:
                self.records[stem] = bytes(data)
        self.damaged_slots = keystore.damaged_slots


@contextmanager
def remembered_cryptography() -> Iterator[None]:
    """What the keystore seals, opens and derives is the same in thousands of starts: each is computed once."""
    names = ((ccm, "seal"), (ccm, "open"), (slots, "hkdf"), (slots, "hmac_sha256"), (blocks, "crc32_mpeg2"))
    before = [getattr(room, name) for room, name in names]
    for (room, name), function in zip(names, before, strict=True):
        setattr(room, name, _remembered(function))
    try:
        yield
    finally:
        for (room, name), function in zip(names, before, strict=True):
            setattr(room, name, function)


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[Any, ...], Any] = {}

    def call(*words: Any) -> Any:
        key = tuple(word if isinstance(word, int) else bytes(word) for word in words)
        if key not in known:
            try:
                known[key] = function(*words)
                known[key] = type(known[key])(known[key])  # the caller wipes what it gets
            except RemoteError as error:
                known[key] = error
        if isinstance(known[key], RemoteError):
            raise known[key]
        return type(known[key])(known[key])

    return call
