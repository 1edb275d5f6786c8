"""Records by service over a keystore that knows names alone, and version 2 of an identity over version 1."""

from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.keystore.identity import Identity, load_identity, store_identity
from settop.keystore.keystore import Keystore
from settop.wire.provision import IDENTITY_RECORD_BYTES

NAMES = ("call_number", "call_token")


def has_lock(board):
    """Whether there is a lock key."""
    lock = board.load_lock()
    if lock is None:
        return False
    wipe(lock)
    return True


def begin_counting(board):
    """Under a new lock: a boot counter that another one sealed does not open, and would be taken for damage."""
    Records(board, "terminal").store("boot", bytes(4))


def unpack_identity(record, number):
    """Identity of a record of version 2. RemoteError."""
    if len(record) != IDENTITY_RECORD_BYTES or record[0] != 2:
        raise RemoteError("identity record of another version or length")
    return Identity(bytes(record[1:9]), record[9:41], number)


def pack_identity(terminal_id, device_key):
    """The record of version 2, for the caller to wipe."""
    return bytearray(b"\x02") + terminal_id + device_key


def records_of(board):
    """What gives the records of a service."""
    return lambda service: Records(board, service)


class Records:
    """The records of one service. The keystore is open while one of these runs."""

    def __init__(self, board, service):
        self._board = board
        self._service = service

    def _keystore(self):
        board = self._board
        lock = board.load_lock()
        if lock is None:
            return None
        keystore = Keystore(board.STORAGE, lock, board.unique_id(), getattr(board, "FILES", None))
        wipe(lock)
        return keystore

    def _is_identity(self, name):
        return self._service == "terminal" and name == "identity"

    def _name(self, name):
        return name if self._service == "terminal" else self._service + "_" + name

    def load(self, name):
        keystore = self._keystore()
        if keystore is None:
            return None
        try:
            if not self._is_identity(name):
                return keystore.load(self._name(name)) or None
            identity = load_identity(keystore)
            if identity is None:
                return None
            record = pack_identity(identity.terminal_id, identity.device_key)
            identity.wipe()
            return record
        finally:
            keystore.close()

    def store(self, name, data, counted=False):
        keystore = self._keystore()
        try:
            if self._is_identity(name):
                number = bytes(keystore.load("call_number") or b"0").decode()
                identity = unpack_identity(data, number)
                store_identity(keystore, identity)
                identity.wipe()
            else:
                keystore.store(self._name(name), data)
        finally:
            keystore.close()

    def delete(self, name):
        if self.load(name) is not None:
            self.store(name, b"")

    def names(self):
        prefix = self._service + "_"
        return [name[len(prefix) :] for name in NAMES if name.startswith(prefix) and self.load(name[len(prefix) :])]
