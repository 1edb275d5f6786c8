"""What a player has: copies of titles, each a file and a record of the service "player" in the locked keystore,
counted, so that a record which was put back after its key was deleted is not believed. What no record names is no copy:
it is on its way, or is left over.

    NAME       the copy's id in hex, the file's name too
    content    version u8 = 1, way u8, household 8, key id 16, key 16, octets u32, length u8, codec, name
"""

import struct

from settop.codec import units
from settop.crypto.hkdf import hkdf
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.services.player.files import CopyFiles
from settop.wire import dock as wire

SERVICE = "player"
MOST = 16
"""Copies that a player has at most."""
SPARE_BYTES = 16384
"""What the keystore needs of the file system, and is not given to copies."""
_VERSION = 1
_HEAD = ">BB8s16s16sIB"
_HEAD_BYTES = 47
_KEY_AT = 26


class Copy:
    """One copy: `id`, `way`, `household`, `kid`, `size` in octets, `codec`, `name`; `key`: a bytearray, to be wiped by
    who asked."""

    def __init__(self, copy, data):
        if len(data) < _HEAD_BYTES or data[0] != _VERSION or len(data) < _HEAD_BYTES + data[46]:
            raise RemoteError("the record of a copy is of another version, or damaged")
        self.id = copy
        _, self.way, self.household, self.kid, _, self.size, length = struct.unpack(_HEAD, data[:_HEAD_BYTES])
        self.key = data[_KEY_AT : _KEY_AT + wire.KEY_BYTES]
        self.codec = bytes(data[_HEAD_BYTES : _HEAD_BYTES + length]).decode()
        self.name = bytes(data[_HEAD_BYTES + length :]).decode()


class Copies:
    """board: has STORAGE, and COPIES where it has others than CopyFiles. records: those of service "player"."""

    def __init__(self, board, records):
        self.files = getattr(board, "COPIES", None) or CopyFiles(board.STORAGE.rpartition("/")[0] + _slash(board))
        self._records = records

    def names(self):
        """Names of the copies, in order."""
        return self._records.names()

    def load(self, name):
        """The Copy of that name, or None. RemoteError: the record is damaged, or was put back."""
        data = self._records.load(name)
        if data is None:
            return None
        try:
            return Copy(bytes.fromhex(name), data)
        finally:
            wipe(data)

    def keep(self, copy, way, household, kid, key, size, codec, name):
        """From here on it is a copy: its file is whole. Raises as a keystore does."""
        data = bytearray(_HEAD_BYTES)
        codec = codec.encode()
        struct.pack_into(_HEAD, data, 0, _VERSION, way, household, kid, b"", size, len(codec))
        data[_KEY_AT : _KEY_AT + wire.KEY_BYTES] = key
        data.extend(codec)
        data.extend(name.encode())
        try:
            self._records.store(copy.hex(), data, counted=True)
        finally:
            wipe(data)

    def remove(self, name):
        """Key first, then octets. Raises as a keystore does."""
        self._records.delete(name)
        self.files.remove(name)

    def forget(self, household, all_of_them):
        """Takes away the copies of other households, or `all_of_them`, and what is on its way: how many copies that
        were. A record that does not open counts as one of those."""
        gone = 0
        for name in self.names():
            if not all_of_them:
                try:
                    copy = self.load(name)
                    wipe(copy.key)
                    if copy.household == household:
                        continue
                except RemoteError:
                    pass
            self.remove(name)
            gone += 1
        if all_of_them:
            self.tidy("")
        return gone

    def tidy(self, but):
        """Takes away files that no record names, `but` this one."""
        named = self.names()
        for name in self.files.names():
            if name != but and name not in named:
                self.files.remove(name)

    def room(self, but):
        """Octets that a copy may have that is to be called `but`: what is free, and what tidying gives."""
        named = self.names()
        free = self.files.free() - SPARE_BYTES
        for name in self.files.names():
            if name not in named:
                free += self.files.size(name) or 0
        return max(0, free)

    def digest(self, name, piece):
        """Reads a file into `piece` again and again: gives None each time, and its SHA-256 in the end."""
        import hashlib

        state = hashlib.sha256()
        file = self.files.open(name)
        try:
            view = memoryview(piece)
            while True:
                count = file.readinto(piece)
                if not count:
                    break
                state.update(view[:count])
                yield None
        finally:
            file.close()
        yield state.digest()


def key_of(copy, kid):
    """The key for a copy's samples that are under `kid`, as a bytearray for the caller to wipe; None: there is none."""
    if copy.way == wire.OWN_KEY:
        return hkdf(copy.key, b"", wire.sample_info(kid), wire.KEY_BYTES)
    return bytearray(copy.key) if copy.kid == kid else None


def codecs():
    """Names of the codecs that there are units for."""
    return [row[0] for row in units.UNITS]


def ways_of(board):
    """Bits of the ways that this board plays: all, or those of WAYS in its board_config.py."""
    names = getattr(board, "WAYS", None)
    if names is None:
        try:
            import board_config
        except ImportError:
            board_config = None
        names = getattr(board_config, "WAYS", wire.WAYS[1:])
    bits = 0
    for way in names:
        bits |= 1 << wire.WAYS.index(way)
    return bits


def _slash(board):
    return "/player" if board.STORAGE[:1] == "/" else "player"
