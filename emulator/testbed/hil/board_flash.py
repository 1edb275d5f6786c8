"""The flash that an emulated board starts with, the file that keeps it from run to run, and whose both are."""

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from headend.files import write_file
from settop.errors import LocalError

from testbed.boards import load_board
from testbed.cache import cache_dir
from testbed.machines.pico_flash import BLOCK_BYTES, FLASH_BYTES, files_image, files_start, load_uf2
from testbed.runtimes.find import firmware_image, network_image, pico_image
from testbed.runtimes.image import Image, RuntimeUnavailable


def first_flash(
    uf2: Path | None,
    frozen: bool,
    kept: Path | None,
    blank: bool,
    say: Callable[[str], None],
    network: bool = False,
) -> tuple[bytes, Image]:
    """The flash to start with, and the image in it.

    What `kept` holds is gone on with; an image that is asked for by `uf2`, `frozen` (what `ringcast firmware` builds)
    or `network` is written into it and leaves the rest alone, as on a board: its files, too, although an image with
    another layout does not find them. Otherwise the image with an empty file system, or (`blank`) on a flash that is
    erased. Raises LocalError with a line for the user.
    """
    if uf2 is not None and (frozen or network):
        raise LocalError(f"give either --uf2 or {'--firmware' if frozen else '--network'}, not both")
    if kept is not None and kept.exists() and not kept.is_file():
        raise LocalError(f"{kept} is no file: name the one that is to keep the flash, such as pico.flash")
    old = b"" if kept is None or blank or not kept.exists() else kept.read_bytes()
    if old and len(old) != FLASH_BYTES:
        raise LocalError(
            f"{kept} has {len(old)} bytes, expected {FLASH_BYTES}: is it a Pico's flash? --blank starts anew"
        )
    if old and uf2 is None and not frozen and not network:
        assert kept is not None
        return old, Image(kept, "as kept", "kept")
    try:
        image = _image(uf2, frozen, network)
    except RuntimeUnavailable as error:
        raise LocalError(str(error)) from error
    flash = bytearray(load_uf2(image.path))
    if old:
        end = -(-len(flash.rstrip(b"\xff")) // BLOCK_BYTES) * BLOCK_BYTES
        flash[end:] = old[end:]
    elif not blank:
        start = files_start(flash)
        flash[start:] = files_image({}, FLASH_BYTES - start)
    return bytes(flash), image


def _image(uf2: Path | None, frozen: bool, network: bool) -> Image:
    if frozen:
        return firmware_image(load_board("pico"), _tell, network)
    return network_image(_tell) if network else pico_image(uf2, progress=_tell)


def keep_flash(kept: Path | None, flash: bytes) -> None:
    """Write the flash where it is kept; a crash on the way leaves what was there. It may hold keys: mode 0600.

    Raises LocalError where it cannot be written.
    """
    if kept is None:
        return
    try:
        write_file(kept, flash, 0o600)
    except (OSError, LocalError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise LocalError(f"cannot keep the flash in {kept}: {why}; name another file with --flash") from None


@contextlib.contextmanager
def held_alone(option: str, path: Path | None) -> Iterator[None]:
    """Nobody else has `path`, the value of `option`, in here; a process that is killed lets go of it.

    Raises LocalError where another board has it.
    """
    if path is None:
        yield
        return
    name = hashlib.sha256(f"{option} {path.resolve()}".encode()).hexdigest()[:16]
    lock = cache_dir() / "locks" / f"board-{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with lock.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LocalError(
                    f"another `ringcast board` has {option} {path}: end that one, or name another {option}"
                ) from None
            if not lock.exists() or not os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
                continue  # its holder has just ended and took the file away
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
