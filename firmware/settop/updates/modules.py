"""Modules that came as updates: received, verified, kept in two slots, tried, kept or reverted (states.py beside).

Two slots, A and B, for each name: what is kept lies in one, what is new in the other. What lies where, and what its
SHA-256 is, says a counted record of the keystore (record.py), and nothing in flash is run that this does not name: a
file that a power cut left half-written, or that was put there, is none. A module's signature is verified once, before
an octet of it is written; its digest before each time it is run.

The orders; a counted store is one step that a power cut does not divide (settop.keystore.keystore):

    receive   verify; store a record without what is new; write the file of the free slot, read it back; store a record
              that names it
    start     compare the digest; store a record with one more try; run it
    came up   store a record in which the new one is kept and the floor is its version; remove the other slot's file
    revert    store a record without it, in which the floor is its version; remove its file
"""

import hashlib

from settop.crypto.compare import equal
from settop.errors import RemoteError, RingcastError
from settop.states import row_of
from settop.updates.files import ModuleFiles
from settop.updates.loading import load, path_of
from settop.updates.record import pack_record, unpack_record
from settop.updates.states import TABLE, TRIES

NO_SIGNER = "this terminal takes no updates: its board_config.py names no SIGNER"
_PIECE_BYTES = 256


class Modules:
    """`board`: STORAGE, MODULE_FILES where it has others than ModuleFiles; for a Reception NAME and SIGNER too.

    `records`: those of service "update" (settop.keystore.keystore). `told(name, text)`: hears of a module that ended.
    """

    def __init__(self, board, records, told):
        self.board = board
        self.records = records
        self._told = told
        self.files = getattr(board, "MODULE_FILES", None) or ModuleFiles()
        parent, slash, _ = board.STORAGE.rpartition("/")
        self.folder = parent + slash + "update"

    def names(self):
        """The names that there are, in order."""
        return self.records.names()

    def record(self, name):
        """The Record of a name, or None. RemoteError: it is damaged, or was put back."""
        data = self.records.load(name)
        return None if data is None else unpack_record(data)

    def start(self, name):
        """(module, whether it is on trial) of a name, the newest that is whole and loads; (None, False): there is none.

        Says by told() what it had to revert. RingcastError, OSError: nothing can be said of it.
        """
        record = self.record(name)
        if record is None:
            return None, False
        if record.new is not None:
            module = self._start_new(name, record)
            if module is not None:
                return module, True
        return self.kept(name), False

    def kept(self, name):
        """The module that came up last, or None where there is none, or it is damaged."""
        record = self.record(name)
        if record is None or record.kept is None:
            return None
        if not self.whole(name, record.kept):
            self.event(name, record, "damaged", "is damaged in flash, and is given up")
            return None
        try:
            return load(self.files, self.path(name, record.kept), record.kept.mpy)
        except Exception as error:
            self._told(name, "does not load: " + what(error))
            return None

    def came_up(self, name):
        """The one on trial does what it must."""
        self.event(name, self.record(name), "came_up")

    def failed(self, name, why):
        """The one on trial does not."""
        self.event(name, self.record(name), "failed", why)

    def forget(self, name):
        """Takes a module away: what the firmware brings runs from the next start on. Its versions stay spent."""
        record = self.record(name)
        if record is None:
            raise RemoteError("no module %s came as an update" % name)
        gone = [entry for entry in (record.kept, record.new) if entry is not None]
        for entry in gone:
            record.floor = max(record.floor, entry.version)
        record.kept = record.new = None
        record.tries = 0
        self._store(name, record)
        self._remove(name, gone)

    # --- for the modules beside this one ------------------------------------------------------------------------------

    def make_room(self, name, record):
        """The free slot for a new one; what was new there is forgotten."""
        self.event(name, record, "newer")
        return 0 if record.kept is None else 1 - record.kept.slot

    def put(self, name, record, entry):
        """It was written. RemoteError: it does not read back."""
        if not self.whole(name, entry):
            raise RemoteError(
                "the update does not read back as written: the flash is worn or failing; what was here runs on"
            )
        state = record.state()
        record.new = entry
        self.event(name, record, "verified", state=state)

    def path(self, name, entry):
        return path_of(self.folder, entry.slot, name, entry.mpy)

    def whole(self, name, entry):
        """Whether what lies in flash is what was verified."""
        view = bytearray(_PIECE_BYTES)
        digest = hashlib.sha256()
        length = 0
        for count in self.files.pieces(self.path(name, entry), view):
            digest.update(memoryview(view)[:count])
            length += count
            if length > entry.length:
                return False
        return length == entry.length and equal(digest.digest(), entry.digest)

    def event(self, name, record, event, why="", state=None):
        """What states.py says, in the record's state or the one given. `why`: for told()."""
        row = row_of(TABLE, state or record.state(), event)
        if row is None:
            return
        getattr(self, row[2])(name, record)
        if why:
            self._told(name, why)

    # --- actions ------------------------------------------------------------------------------------------------------

    def _put(self, name, record):
        record.tries = 0
        self._store(name, record)

    def _try(self, name, record):
        record.tries += 1
        self._store(name, record)

    def _keep(self, name, record):
        gone = [] if record.kept is None else [record.kept]
        record.kept = record.new
        record.floor = record.new.version
        record.new = None
        record.tries = 0
        self._store(name, record)
        self._remove(name, gone)

    def _revert(self, name, record):
        record.floor = max(record.floor, record.new.version)
        self._drop(name, record)

    def _drop(self, name, record):
        gone = record.new
        record.new = None
        record.tries = 0
        self._store(name, record)
        self._remove(name, [gone])

    def _give_up(self, name, record):
        gone = record.kept
        record.kept = None
        self._store(name, record)
        self._remove(name, [gone])

    # --- inside -------------------------------------------------------------------------------------------------------

    def _start_new(self, name, record):
        entry = record.new
        if record.tries >= TRIES:
            self.event(name, record, "worn", "version %d did not come up in %d starts" % (entry.version, TRIES))
            return None
        if not self.whole(name, entry):
            self.event(name, record, "damaged", "version %d is damaged in flash" % entry.version)
            return None
        self.event(name, record, "start")
        try:
            return load(self.files, self.path(name, entry), entry.mpy)
        except Exception as error:
            self.event(name, record, "failed", "version %d does not load: %s" % (entry.version, what(error)))
            return None

    def _store(self, name, record):
        self.records.store(name, pack_record(record), True)

    def _remove(self, name, entries):
        for entry in entries:
            try:
                self.files.remove(self.path(name, entry))
            except OSError:
                pass  # nothing names it any more, and the next one takes its place


def what(error):
    """An error of a module in words; others' texts might be anything."""
    return str(error) if isinstance(error, RingcastError) else type(error).__name__
