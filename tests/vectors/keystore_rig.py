"""A board for the keystore's tests: files, lock keys and a counter in memory, which lose power at any step."""

import sys

from settop.keystore.identity import Identity, pack_identity
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace

LOCK = bytes(range(32))
OTHER_LOCK = bytes(range(40, 72))
DEVICE = b"board 01"
KEY = bytes(range(100, 132))
NUMBER = b"5550100"
FOLDER = "ks/"
# CPython takes every step; the unix port and even more so a board take a thinned-out sweep.
STRIDE = 1 if sys.implementation.name == "cpython" else 41 if sys.platform == "linux" else 331
# How a cut write leaves a file: shortened, overwritten up to the cut, erased beyond the cut, or untouched.
APPEND = "append"
IN_PLACE = "in place"
ERASED = "erased first"
ATOMIC = "atomic"
MEDIA = (APPEND, IN_PLACE, ERASED, ATOMIC)


class PowerCut(Exception):
    """The power is gone."""


class Flash:
    """What outlives the power: files by path, lock keys (newest first), the counter."""

    def __init__(self, files=None, locks=(), count=0):
        self.files = {} if files is None else dict(files)
        self.locks = list(locks)
        self.count = count

    def copy(self):
        return Flash(self.files, self.locks, self.count)


class Board:
    """The power goes after `steps` steps: operations begun, bytes written, operations ended. `worn`: the counter counts
    no further. `room`: octets that the files may have together, or None. `unreadable`: paths that give an IO error."""

    STORAGE = FOLDER[:-1]

    def __init__(self, flash=None, medium=APPEND, steps=-1):
        self.flash = Flash() if flash is None else flash
        self.FILES = self
        self.medium = medium
        self.steps = steps
        self.taken = 0
        self.device = DEVICE
        self.worn = False
        self.damaged_locks = 0
        self.room = None
        self.unreadable = ()
        self.written = []

    def step(self):
        if self.taken == self.steps:
            raise PowerCut()
        self.taken += 1

    # --- the board's face ---

    def load_locks(self):
        return [bytearray(lock) for lock in self.flash.locks]

    def locks_damaged(self):
        return self.damaged_locks

    def store_lock(self, lock):
        self.step()
        del self.flash.locks[1:]
        self.flash.locks.insert(0, bytes(lock))
        self.step()

    def forget_old_lock(self):
        self.step()
        self.flash.locks = self.flash.locks[:1]
        self.step()

    def counter(self):
        return self.flash.count

    def count(self):
        from settop.errors import RemoteError

        if self.worn:
            raise RemoteError("the counter is worn out: replace the board")
        self.step()
        self.flash.count += 1
        self.step()
        return self.flash.count

    def unique_id(self):
        return self.device

    # --- slot files ---

    def read(self, path, limit):
        if path in self.unreadable:
            raise OSError(5)
        self.step()
        data = self.flash.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        self.step()
        files = self.flash.files
        old = files.get(path, b"")
        if self.room is not None:
            taken = sum([len(files[other]) for other in files if other != path])
            if taken + len(data) > self.room:
                raise OSError(28)
        self.written.append((path, bytes(data)))
        for written in range(len(data) + 1):
            if self.medium == APPEND:
                files[path] = bytes(data[:written])
            elif self.medium == IN_PLACE:
                files[path] = bytes(data[:written]) + old[written:]
            elif self.medium == ERASED:
                files[path] = bytes(data[:written]) + b"\xff" * (len(data) - written)
            self.step()
        files[path] = bytes(data)
        self.step()

    def remove(self, path):
        self.step()
        self.flash.files.pop(path, None)
        self.step()

    def names(self, folder):
        return [path[len(folder) + 1 :] for path in self.flash.files if path.startswith(folder + "/")]


def started(flash, **options):
    """(keystore, boot's number, what is wrong) behind a start on a board with this flash."""
    keystore = Keystore(Board(flash, **options))
    number, wrong = keystore.start()
    return keystore, number, wrong


def provisioned(*rows, lock=LOCK):
    """The flash of a terminal with an identity, a telephone number and `rows` of (service, name, data, counted)."""
    flash = Flash()
    identity = bytes(pack_identity(Identity(b"terminal", KEY)))
    ours = [("terminal", "identity", identity, False), ("call", "number", NUMBER, False)]
    replace(Keystore(Board(flash)), lock, ours + list(rows))
    return flash


def loaded(flash, service, name):
    """The record behind a start, as bytes; None where there is none."""
    return asked(started(flash)[0], service, name)


def asked(keystore, service, name):
    data = Records(keystore, service).load(name)
    return None if data is None else bytes(data)


# Firmware of FORMATS 3: an identity and three boots under LOCK on DEVICE.
OLD_FILES = (
    (
        "boot.a",
        "52436b7301000000030004e00043457313cfd4c1f766568b39035d0bd1e6f6610f7f401ce2d76b71b0e22333",
    ),
    (
        "boot.b",
        "52436b73010000000400040ac69f5b6f8540e4db8b1f88923922dd39cc03147504f8574cb2fe11fbd9f1f949",
    ),
    (
        "identity.a",
        "52436b7301000000010031ab0d902f868569a104a2f369e9119d8d753b79174bdace0bdd8c1546373382af212df999e136ab"
        "ea57a412db0ac8671733b35604bfea8a0345052718aab0c1655728b3702466b2f719d394a1582a",
    ),
    (
        "identity.b",
        "52436b7301000000020031830ef5e2909dc925411e0a614298cbc3251f9c6b30e8bfe4a688893dd282859552eba37cb6e6f6"
        "a6ce3efe64613820a129dd3512e4d1104a3620bf96733864054f177cb10a6aea20a8503c5f0612",
    ),
)


def old_flash():
    """The flash of a terminal with that firmware: terminal id b"terminal", KEY and NUMBER."""
    return Flash({FOLDER + name: bytes.fromhex(data) for name, data in OLD_FILES}, [LOCK])
