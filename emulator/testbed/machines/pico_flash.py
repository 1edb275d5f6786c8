"""The emulated Pico's flash: UF2 image to bytes, terminal files to a littlefs image.

Where the file system starts is the image's own matter: stock MicroPython gives it 1408 KiB, the image with a network
1 MiB. The image says so itself (`files_start`), so that one of somebody else's lies right, too.
"""

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
# ports/rp2/boards/RPI_PICO: the file system is the last 1408 KiB of the flash. An image that says nothing has it there.
FILES_BYTES = 1408 * 1024
FILES_START = FLASH_BYTES - FILES_BYTES
BLOCK_BYTES = 4096
ARCH = "armv6m"  # the RP2040's processor, as mpy-cross names it

_UF2_BLOCK = 512
_UF2_DATA = 476
_UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_UF2_NOT_MAIN_FLASH = 0x00000001

# pico-sdk, pico/binary_info/defs.h and structure.h: two marks near the start of an image have between them where its
# table of what it says of itself lies.
_INFO_WITHIN = 0x200
_INFO_BEGINS, _INFO_ENDS = 0x7188EBF2, 0xE71AA390
_BLOCK_DEVICE = 7
_MICROPYTHON = int.from_bytes(b"MP", "little")


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
    start = files_start(flash)
    if top > start:
        raise RemoteError(f"UF2 reaches 0x{top:x} into the flash and the file system starts at 0x{start:x}")
    return bytes(flash)


def files_start(flash: bytes | bytearray | memoryview) -> int:
    """Where the image in this flash has its file system start, from the flash's start; it goes to the flash's end.

    The keystore's four blocks lie just below. What says nothing of it that makes sense, no image at all among it, is
    taken for a stock image.
    """

    def words(offset: int, count: int) -> list[int]:
        part = bytes(flash[offset : offset + 4 * count]) if offset >= 0 else b""
        return [int.from_bytes(part[at : at + 4], "little") for at in range(0, len(part), 4)]

    for at in range(0, _INFO_WITHIN, 4):
        head = words(at, 5)
        if len(head) < 5 or (head[0], head[4]) != (_INFO_BEGINS, _INFO_ENDS):
            continue
        first, end = (address - FLASH_BASE for address in head[1:3])
        for entry in words(first, min(end - first, FLASH_BYTES) // 4):
            info = words(entry - FLASH_BASE, 4)
            if len(info) == 4 and info[0] == _MICROPYTHON << 16 | _BLOCK_DEVICE:
                start = info[2] - FLASH_BASE
                if 0 < start < FLASH_BYTES and start % BLOCK_BYTES == 0 and start + info[3] == FLASH_BYTES:
                    return start
    return FILES_START


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


def files_image(files: dict[str, bytes], size: int = FILES_BYTES) -> bytes:
    """A littlefs image (`size` bytes long) of `files` as given. LocalError: a bad path, or more than fits."""
    file_system = LittleFS(block_size=BLOCK_BYTES, block_count=size // BLOCK_BYTES, disk_version=0x00020000)
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
                f"{name} does not go into the Pico's file system ({size} bytes, {total} wanted): {error}"
            ) from error
    return bytes(file_system.context.buffer)


def flash_image(uf2: Path, files: dict[str, bytes]) -> bytes:
    """The whole flash (FLASH_BYTES) of a board with this firmware and these files."""
    flash = bytearray(load_uf2(uf2))
    start = files_start(flash)
    flash[start:] = files_image(board_files(files), FLASH_BYTES - start)
    return bytes(flash)
