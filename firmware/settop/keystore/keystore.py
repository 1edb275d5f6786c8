"""Named records that survive a power cut at any instant, sealed to one device (format: slots.py beside).

A record lies in two slot files, NAME.a and NAME.b. A store writes the slot that is not current, with the next
sequence number, so that the current one stays whole until the new one is. Where a slot was missing or
damaged, the store then writes the other slot as well: every confirmed record starts with two good slots, and
a lone slot that does not open can only be a first store that was cut.

Not protected: whoever can write the flash can put back an older pair of slots.
"""

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.keystore.files import SlotFiles
from settop.keystore.slots import MAX_SLOT_BYTES, derive_keys, open_slot, seal_slot

MAX_NAME_CHARS = 24
_NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_SUFFIXES = (".a", ".b")


class Keystore:
    """Records in the folder `storage_dir`, opened by `lock_key` and `device_id`.

    `lock_key` 16 bytes or more, `device_id` at most 255, else LocalError. Copies the lock key; close() wipes
    the copy. `fs`: see settop.keystore.files.SlotFiles. Every method raises LocalError for a name other than
    1..24 characters of a-z, 0-9 and _.
    """

    def __init__(self, storage_dir, lock_key, device_id=b"", fs=None):
        wipe(derive_keys(lock_key, device_id, ""))  # refuses unusable keys now, not at the first record
        self._dir = storage_dir
        self._lock_key = bytearray(lock_key)
        self._device_id = bytes(device_id)
        self._fs = SlotFiles() if fs is None else fs
        self._counts = {"loads": 0, "stores": 0, "damaged_slots": 0, "refused_records": 0}

    def load(self, name):
        """The record, as a bytearray for the caller to wipe, or None where it was never stored.

        A damaged slot is counted and the other one used. Raises RemoteError where both exist and neither
        opens.
        """
        keys = self._keys(name)
        try:
            found = self._find(keys, name)
        finally:
            wipe(keys)
        self._counts["loads"] += 1
        if found.data is None and found.files == 2:
            self._counts["refused_records"] += 1
            raise RemoteError(
                "record %s: neither slot opens: damaged, or sealed for another device; provision again" % name
            )
        return found.data

    def store(self, name, data):
        """Replaces the record, also one that does not open. On return it is confirmed: written and read back.

        `data` at most 4,096 bytes, else LocalError. Raises RemoteError where the medium returns something
        else than was written, OSError where it refuses; the record is then the old or the new one.
        """
        keys = self._keys(name)
        try:
            found = self._find(keys, name)
            if found.data is not None:
                wipe(found.data)
            target = 1 - found.slot
            self._write(name, target, seal_slot(keys, found.sequence + 1, data))
            if found.good < 2:
                self._write(name, 1 - target, seal_slot(keys, found.sequence + 2, data))
        finally:
            wipe(keys)
        self._counts["stores"] += 1

    def report(self):
        """Counters since the start: loads, stores, damaged_slots (each time one is met), refused_records."""
        return dict(self._counts)

    def close(self):
        """Wipes the lock key; later calls raise LocalError. May be called twice."""
        if self._lock_key is not None:
            wipe(self._lock_key)
        self._lock_key = None

    def _keys(self, name):
        if self._lock_key is None:
            raise LocalError("this keystore is closed; make a new Keystore")
        if not 1 <= len(name) <= MAX_NAME_CHARS or any(char not in _NAME_CHARS for char in name):
            raise LocalError("a record name has 1 to %d characters of a-z, 0-9 and _" % MAX_NAME_CHARS)
        return derive_keys(self._lock_key, self._device_id, name)

    def _find(self, keys, name):
        found = _Found()
        for index in range(2):
            try:
                slot = self._fs.read(self._path(name, index), MAX_SLOT_BYTES + 1)
                if slot is None:
                    continue
                found.files += 1
                sequence, data = open_slot(keys, slot)
            except (RemoteError, OSError) as error:
                if isinstance(error, OSError):
                    found.files += 1
                self._counts["damaged_slots"] += 1
                continue
            found.good += 1
            if sequence > found.sequence:
                if found.data is not None:
                    wipe(found.data)
                found.slot, found.sequence, found.data = index, sequence, data
            else:
                wipe(data)
        return found

    def _write(self, name, index, slot):
        path = self._path(name, index)
        self._fs.write(path, slot)
        if self._fs.read(path, MAX_SLOT_BYTES + 1) != slot:
            raise RemoteError("record %s did not read back as written; the flash is worn or failing" % name)

    def _path(self, name, index):
        return self._dir + "/" + name + _SUFFIXES[index]


class _Found:
    """What both slots of a record hold: the current slot, and how many exist and open."""

    def __init__(self):
        self.slot = 1  # so that a first store begins with slot a
        self.sequence = 0
        self.data = None
        self.files = 0
        self.good = 0
