"""Records by service and name that survive a power cut at any instant, sealed to one device (format: slots.py beside).

A record lies in two slot files, SERVICE-NAME.a and .b. The lock key is read from the board to derive one record's keys
and wiped before anything else is done. The keystore's own record, the **list**, names every record that there is, and
binds counted ones to the board's counter: its slots' sequence is the count that it is of (content: listing.py).

The orders; every write is read back:

    commit of a list   write the slot that is not current, sequence = counter + 1; count; write the other slot
    boot               read the list, take away what is pending, commit the list
    plain store        write the slot that is not current
    counted store      the same, sequence = counter + 1; commit a list that names it; write the other slot
    first store        commit a list with the name pending; write both slots; commit a list with its entry
    delete             commit a list with the name pending and no entry; remove both files; commit a list without

Why a cut leaves old or new, whole: what the counter and its list point to is never what is being written. Before
`count` the record is the old one, from there on the new one; in between the list is one ahead, and the boot takes it.
What is behind the counter was put back.

Why nothing that was put back is believed: a store returns when it has reached the count of its list in the boot in
which it wrote that, and every boot begins with a count, as does whatever follows a commit that failed. So of two lists
of one count neither is of a store that returned, and each holds all stores that returned before. Sequences of counted
slots are counts, so a slot that the list names is the one that was stored.

Not protected: plain records one by one, and against whoever puts back the whole flash, counter and all.
"""

import sys

from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.keystore.files import SlotFiles
from settop.keystore.listing import LIST, find_entry, pack_list, stem_of, with_entry
from settop.keystore.slots import COUNTED, MAX_SLOT_BYTES, PLAIN, derive_keys, open_slot, seal_slot

_SUFFIXES = (".a", ".b")
_AGAIN = "; provision again"


class Keystore:
    """The keystore of `board`: STORAGE (its folder), load_locks, unique_id, counter, count; FILES where it has others
    than settop.keystore.files. `damaged_slots`: met since the start. `refusal`: why nothing counted opens, or "".

    `stem`: SERVICE-NAME, see stem_of.
    """

    def __init__(self, board):
        self.board = board
        self.files = getattr(board, "FILES", None) or SlotFiles()
        self.damaged_slots = 0
        self.refusal = ""
        self.unsure = False  # a commit was begun and not ended: what lies in flash must be read again
        self.count = 0  # of the list
        self.base = 0
        self.entries = b""
        self.pending = ""
        self.slot = 1  # where the list lies
        self.lock_at = 0  # which of the board's lock keys opens it

    def start(self):
        """Count the boot and finish what a power cut interrupted. Returns (the boot's number, what is wrong or "").

        No other boot gets the number, whatever files are put back; 0 where none can be given. Call it once a boot.
        """
        from settop.keystore.boot import start

        try:
            return start(self)
        finally:
            _unload_boot()

    def load(self, stem):
        """The record, as a bytearray for the caller to wipe, or None where there is none.

        A slot that is damaged or missing is written anew from the other one. Raises RemoteError where the record is
        damaged, sealed for another device, or put back.
        """
        value = self.entry(stem)
        if not self.provisioned() or stem in self.pending.split():
            return None
        found = self.find(stem, COUNTED if value else PLAIN, value or 0)
        self.damaged_slots += found.damaged
        if found.data is None:
            if value is None and not found.files:
                return None
            if found.older:
                raise RemoteError(self.refusal or "roll-back: record %s was put back" % stem + _AGAIN)
            raise RemoteError("record %s: neither slot opens: damaged, or sealed for another device" % stem + _AGAIN)
        if value is not None and found.whole < 2:
            try:
                self.put(stem, 1 - found.slot, found.raw)
            except (RemoteError, OSError):
                pass  # there is one that is whole
        return found.data

    def store(self, stem, data, counted=False):
        """Replaces the record, also one that does not open. On return it is written and read back; and where `counted`,
        or where it was stored so before, nothing older is believed any more.

        `data` at most 4,096 bytes, else LocalError. Raises RemoteError where nothing can be counted, where there is no
        room in the list or the medium returns something else than was written, OSError where it refuses; the record
        is then the old or the new one.
        """
        value = self.entry(stem)
        counted = counted or bool(value)
        if counted or (value is None and not self.refusal):
            self.ready()
            value = self.entry(stem)
            if value is None:
                from settop.keystore.changes import first

                first(self, stem, data, counted)
                return
        keys = self.keys(stem)
        try:
            found = self.find(stem, COUNTED if value else PLAIN, value or 0, keys)
            found.forget()
            sequence = self.count + 1 if counted else found.sequence + 1
            slot = seal_slot(keys, COUNTED if counted else PLAIN, sequence, data)
        finally:
            wipe(keys)
        self.put(stem, 1 - found.slot, slot)
        if counted:
            self.commit(with_entry(self.entries, stem, sequence))
        elif found.whole == 2:
            return
        self.put(stem, found.slot, slot)

    # --- for the modules beside this one ------------------------------------------------------------------------------

    def keys(self, stem, **options):
        """A record's keys for slots.py, for the caller to wipe. Raises RemoteError where there is no lock key."""
        locks = self.board.load_locks()
        try:
            if not locks:
                raise RemoteError("this terminal is not provisioned: run `ringcast provision`")
            return derive_keys(locks[min(self.lock_at, len(locks) - 1)], self.board.unique_id(), stem, **options)
        finally:
            for lock in locks:
                wipe(lock)

    def ready(self):
        """Before something is counted. Raises RemoteError where nothing can be, OSError where the flash refuses."""
        if self.unsure:
            from settop.keystore.boot import settle

            try:
                settle(self)
            finally:
                _unload_boot()
        if self.refusal:
            raise RemoteError(self.refusal)

    def commit(self, entries, pending=None):
        """Make `entries` and `pending` (None: as it is) the list, by the order above."""
        if pending is None:
            pending = self.pending
        slot = self.seal(LIST, COUNTED, self.count + 1, pack_list(self.base, pending, entries))
        self.unsure = True
        self.put(LIST, 1 - self.slot, slot)
        if self.board.count() != self.count + 1:
            raise RemoteError("the board's counter was counted by somebody else: restart the terminal")
        self.slot = 1 - self.slot
        self.count += 1
        self.entries = entries
        self.pending = pending
        self.put(LIST, 1 - self.slot, slot)
        self.unsure = False

    def entry(self, stem):
        """What the list says of the record: None: nothing, 0: there is one, or a counted one's sequence."""
        return find_entry(self.entries, stem)[1]

    def find(self, stem, kind, exact=0, keys=None, **options):
        """What both slots hold, as a Found: the current slot is of `kind` and has the highest sequence, or `exact`.

        `keys`: the record's, which stay the caller's; else they are derived.
        """
        found = Found()
        derived = self.keys(stem, **options) if keys is None else b""
        try:
            for index in range(2):
                self._look(found, index, keys or derived, stem, kind, exact)
        finally:
            wipe(derived)
        return found

    def seal(self, stem, kind, sequence, data):
        keys = self.keys(stem)
        try:
            return seal_slot(keys, kind, sequence, data)
        finally:
            wipe(keys)

    def provisioned(self):
        """How many lock keys there are."""
        locks = self.board.load_locks()
        for lock in locks:
            wipe(lock)
        return len(locks)

    def put(self, stem, index, slot):
        """Write a slot file and read it back."""
        path = self.path(stem, index)
        self.files.write(path, slot)
        if self.files.read(path, MAX_SLOT_BYTES + 1) != slot:
            raise RemoteError("record %s did not read back as written; the flash is worn or failing" % stem)

    def drop(self, stem):
        """Take both slot files away."""
        for index in range(2):
            self.files.remove(self.path(stem, index))

    def path(self, stem, index):
        return self.board.STORAGE + "/" + stem + _SUFFIXES[index]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _look(self, found, index, keys, stem, kind, exact):
        try:
            slot = self.files.read(self.path(stem, index), MAX_SLOT_BYTES + 1)
            if slot is None:
                return
            found.files += 1
            its_kind, sequence, data = open_slot(keys, slot)
        except (RemoteError, OSError) as error:
            if isinstance(error, OSError):
                found.files += 1
            found.damaged += 1
            return
        if its_kind != kind or (exact and sequence != exact):
            # A higher sequence than the one wanted is of a store that was cut.
            if its_kind != kind or sequence < exact:
                found.older = True
            wipe(data)
            return
        found.whole += 1
        if sequence > found.sequence:
            found.forget()
            found.slot, found.sequence, found.data, found.raw = index, sequence, data, slot
        else:
            wipe(data)


class Found:
    """What both slots of a record hold: the current slot, how many files there are, how many of them are `whole`, how
    many `damaged`, and whether one is `older` than it may be."""

    def __init__(self):
        self.slot = 1  # so that a first store begins with slot a
        self.sequence = 0
        self.data = None
        self.raw = b""
        self.files = 0
        self.whole = 0
        self.damaged = 0
        self.older = False

    def forget(self):
        """Wipes the record."""
        if self.data is not None:
            wipe(self.data)


class Records:
    """The records of one service. Names and service: a-z, 0-9 and _, at most MAX_NAME_CHARS and MAX_SERVICE_CHARS of
    them, else LocalError. See Keystore for what is raised."""

    def __init__(self, keystore, service):
        self._keystore = keystore
        self._service = service
        stem_of(service, "x")

    def load(self, name):
        """See Keystore.load."""
        return self._keystore.load(stem_of(self._service, name))

    def store(self, name, data, counted=False):
        """See Keystore.store."""
        self._keystore.store(stem_of(self._service, name), data, counted)

    def delete(self, name):
        """Takes the record away, also a damaged one; none is no error. Raises as store."""
        from settop.keystore.changes import delete

        delete(self._keystore, stem_of(self._service, name))

    def names(self):
        """The names that there are, without loading them, in order."""
        from settop.keystore.changes import names

        return names(self._keystore, self._service)


def unload(*names):
    """Takes modules out of memory that nobody wants again soon: a board's heap is small."""
    for name in names:
        parent, _, child = name.rpartition(".")
        if sys.modules.pop(name, None) is not None and hasattr(sys.modules[parent], child):
            delattr(sys.modules[parent], child)


def _unload_boot():
    """Nobody wants it again before the next start."""
    if sys.implementation.name == "micropython":
        unload("settop.keystore.boot")
