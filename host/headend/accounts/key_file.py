"""The master key's file while the key is changed: by one program at a time, whole, and on the disk before it counts."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from settop.errors import LocalError

from headend.accounts.master_key import MasterKey
from headend.files import replacing, sync_folder, write_all


class KeyFile:
    """A key file that nobody else changes. Made by `changing`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = path.stat()

    def write(self, keys: Sequence[MasterKey]) -> None:
        """These keys in the file, newest first, for the owner that it had. It holds these or those of before, whatever
        happens, and when this returns a power cut changes it no more. Raises LocalError.
        """
        try:
            with replacing(self._path, mode=0o600) as handle:
                if os.geteuid() == 0:  # a service's key stays readable for the service
                    os.fchown(handle, self._before.st_uid, self._before.st_gid)
                os.fchmod(handle, 0o600)
                write_all(handle, b"".join(key.text() for key in keys))
                os.fsync(handle)
            sync_folder(self._path.parent)
        except OSError as error:
            raise LocalError(f"cannot write the master key file {self._path}: {error.strerror}") from None


@contextmanager
def changing(path: Path) -> Iterator[KeyFile]:
    """Within the block no other program changes a key file of this folder by this function. Links are followed.

    Raises LocalError where one is at it, and where the file is not there or not ours.
    """
    place = Path(os.path.realpath(path))
    try:
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LocalError(f"cannot change the master key file {path}: {error.strerror}") from None
    try:
        # The file is replaced, so that a lock on it would be one on what has gone.
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = KeyFile(place)
        except BlockingIOError:
            raise LocalError(f"another program is changing the master key in {place.parent}: let it finish") from None
        except OSError as error:
            raise LocalError(f"cannot change the master key file {path}: {error.strerror}") from None
        yield file
    finally:
        os.close(folder)
