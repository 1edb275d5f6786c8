"""The emulated Pico's flash: UF2 image to bytes, terminal files to a littlefs image."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from littlefs import LittleFS
from littlefs.errors import LittleFSError
from settop.errors import LocalError, RemoteError

from testbed.boards.compile import board_files as board_files_for
from testbed.boards.compile import compile_module as compile_for

FLASH_BASE = 0x10000000
FLASH_BYTES = 2 * 1024 * 1024
# ports/rp2/boards/RPI_PICO: the file system is the last 1408 KiB of the flash.
FILES_BYTES = 1408 * 1024
FILES_START = FLASH_BYTES - FILES_BYTES
BLOCK_BYTES = 4096
ARCH = "armv6m"  # the RP2040's processor, as mpy-cross names it

_UF2_BLOCK = 512
_UF2_DATA = 476
_UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_UF2_NOT_MAIN_FLASH = 0x00000001


def uf2_payload(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(address, bytes) of each block of a UF2 file that is for main flash. RemoteError: not a UF2 file."""
    if len(data) == 0 or len(data) % _UF2_BLOCK:
        raise RemoteError(f"UF2 of {len(data)} bytes, expected a multiple of {_UF2_BLOCK}; is the download complete?")
    for start in range(0, len(data), _UF2_BLOCK):
        block = data[start : start + _UF2_BLOCK]
        words = [int.from_bytes(block[at : at + 4], "little") for at in (0, 4, 508, 8, 12, 16)]
        if tuple(words[:3]) != _UF2_MAGIC:
            raise RemoteError(f"block {start // _UF2_BLOCK} is no UF2 block: wrong magic number")
        flags, address, size = words[3:]
        if flags & _UF2_NOT_MAIN_FLASH:
            continue
        if size > _UF2_DATA:
            raise RemoteError(f"UF2 block for 0x{address:08x} with {size} bytes, expected {_UF2_DATA} at most")
        yield address, block[32 : 32 + size]


def read_uf2(data: bytes) -> bytes:
    """UF2 file to the flash contents from FLASH_BASE, 0xFF where it says nothing.

    RemoteError: not a Pico's UF2.
    """
    flash = bytearray(b"\xff" * FLASH_BYTES)
    top = 0
    for address, part in uf2_payload(data):
        offset = address - FLASH_BASE
        if not 0 <= offset <= FLASH_BYTES - len(part):
            raise RemoteError(f"UF2 block for 0x{address:08x}, outside the Pico's flash; is it an RPI_PICO image?")
        flash[offset : offset + len(part)] = part
        top = max(top, offset + len(part))
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
    """`testbed.boards.compile.compile_module` for the RP2040."""
    return compile_for(name, source, ARCH)


def board_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """`testbed.boards.compile.board_files` for the RP2040."""
    return board_files_for(files, ARCH)


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
