"""A new lock key: provisioning, and what a power cut left of one. Rare, so loaded when it is wanted.

The order of `replace`, with the old records whole until its last step is done: all records are sealed under the new
lock key into the slots that are not current, then the list that names them, for the next count; then the board stores
the lock key. A cut before that leaves slots that no lock key opens, beside the old ones. From then on the newest lock
key opens a list, so the start takes that; `finish` writes the second slots, removes what the list does not name, and
has the board forget the old lock key.
"""

from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.keystore.listing import LIST, entry_of, pack_list, stem_of
from settop.keystore.slots import COUNTED, PLAIN, derive_keys, seal_slot


def replace(keystore, lock, rows):
    """Provision the terminal, or do it anew: `lock`, 32 fresh secret bytes, is its lock key from here on, and `rows` of
    (service, name, data, counted) replace the records of these names, or take them away where data is None. All others
    stay.

    After a power cut all rows are as before or all are new. Returns what of the new state the next start has to finish,
    as a text, or "". Raises RemoteError where the counter is worn or damaged, or a record does not read back, OSError
    where the flash refuses, LocalError for a wrong name or length, each with the old state.
    """
    rows = [(stem_of(service, name), data, counted) for service, name, data, counted in rows]
    if keystore.provisioned():
        # Names that are new, lest a cut leaves what looks like damage.
        if not keystore.refusal:
            keystore.ready()
            fresh = [row[0] for row in rows if row[1] is not None and keystore.entry(row[0]) is None]
            if fresh:
                keystore.commit(keystore.entries, " ".join(fresh))
    else:
        for stem in stems(keystore):
            keystore.drop(stem)
        keystore.base = 0
        keystore.entries = b""
        keystore.pending = ""
        keystore.slot = 1
    _seal_all(keystore, lock, rows)
    keystore.board.store_lock(lock)
    try:
        _go_on(keystore)
    except (RemoteError, OSError) as error:
        return str(error)
    return ""


def finish(keystore):
    """At a start that finds two lock keys. Raises as Keystore.start's parts."""
    locks = keystore.board.load_locks()
    try:
        if keystore.lock_at:
            # The newest was stored before there was a list for it: what there is moves under it.
            keystore.ready()
            _seal_all(keystore, locks[0], ())
            _go_on(keystore)
        else:
            _second_slots(keystore)
    finally:
        for lock in locks:
            wipe(lock)


def stems(keystore):
    """SERVICE-NAME of all records that have a file, and what else ends like one."""
    return sorted({file[:-2] for file in keystore.files.names(keystore.board.STORAGE) if file[-2:] in (".a", ".b")})


def _seal_all(keystore, lock, rows):
    count = keystore.board.counter() + 1
    entries = b""
    names = [row[0] for row in rows]
    if keystore.provisioned():
        for stem in stems(keystore):
            if stem != LIST and stem not in names and stem not in keystore.pending.split():
                entries += _move(keystore, lock, stem, count)
    for stem, data, counted in rows:
        if data is None:
            continue
        value = keystore.entry(stem)
        slot = 1
        sequence = 0
        if keystore.provisioned():
            found = keystore.find(stem, COUNTED if value else PLAIN, value or 0)
            found.forget()
            slot, sequence = found.slot, found.sequence
        entries += _put(keystore, lock, stem, 1 - slot, count if counted else sequence + 1, data, counted)
    listed = pack_list(keystore.base, "", entries)
    _put(keystore, lock, LIST, 1 - keystore.slot, count, listed, True)


def _move(keystore, lock, stem, count):
    """One record's other slot under `lock`. Returns its entry; nothing where it does not open."""
    value = keystore.entry(stem)
    found = keystore.find(stem, COUNTED if value else PLAIN, value or 0)
    if found.data is None:
        return b"" if value is None else entry_of(stem, value)
    try:
        counted = bool(value)
        sequence = count if counted else found.sequence + 1
        return _put(keystore, lock, stem, 1 - found.slot, sequence, found.data, counted)
    finally:
        found.forget()


def _put(keystore, lock, stem, index, sequence, data, counted):
    keys = derive_keys(lock, keystore.board.unique_id(), stem)
    try:
        slot = seal_slot(keys, COUNTED if counted else PLAIN, sequence, data)
        keystore.put(stem, index, slot)
        if not keystore.provisioned():
            keystore.put(stem, 1 - index, slot)  # there is no older one to keep
    finally:
        wipe(keys)
    return entry_of(stem, sequence if counted else 0)


def _go_on(keystore):
    """The newest lock key is the keystore's."""
    keystore.unsure = True
    keystore.ready()
    _second_slots(keystore)


def _second_slots(keystore):
    damaged = keystore.damaged_slots
    for stem in stems(keystore):
        if stem != LIST and keystore.entry(stem) is None:
            keystore.drop(stem)
        elif stem != LIST:
            try:
                found = keystore.load(stem)
                if found is not None:
                    wipe(found)
            except RemoteError:
                pass  # damaged before, and told of when it is wanted
    keystore.damaged_slots = damaged  # a slot of the old lock key is no damage
    keystore.board.forget_old_lock()
