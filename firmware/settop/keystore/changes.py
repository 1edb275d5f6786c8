"""What changes which records there are, and who asks which: rare, so loaded when it is wanted."""

from settop.errors import RemoteError
from settop.keystore.listing import ENTRY_BYTES, with_entry
from settop.keystore.slots import COUNTED, PLAIN

MAX_RECORDS = 96  # 64 titles, 16 tickets, 8 modules, and what the terminal and the call keep


def first(keystore, stem, data, counted):
    """Store a record that the list does not name; the keystore is ready. See Keystore.store."""
    if len(keystore.entries) >= MAX_RECORDS * ENTRY_BYTES:
        raise RemoteError("the keystore has %d records, the most that it takes: delete one first" % MAX_RECORDS)
    _finish(keystore)
    keystore.commit(keystore.entries, stem)
    sequence = keystore.count + 1
    slot = keystore.seal(stem, COUNTED if counted else PLAIN, sequence, data)
    try:
        keystore.put(stem, 0, slot)
        keystore.put(stem, 1, slot)
    except OSError:
        _take_back(keystore, stem)
        raise
    keystore.commit(with_entry(keystore.entries, stem, sequence if counted else 0), "")


def delete(keystore, stem):
    """See Records.delete."""
    if keystore.refusal:
        keystore.drop(stem)  # nothing of it is believed anyway
        return
    keystore.ready()
    files = keystore.files.names(keystore.board.STORAGE)
    if keystore.entry(stem) is None and stem not in [file[:-2] for file in files]:
        return
    _finish(keystore)
    keystore.commit(with_entry(keystore.entries, stem, None), stem)
    keystore.drop(stem)
    keystore.commit(keystore.entries, "")


def names(keystore, service):
    """See Records.names."""
    start = service + "-"
    gone = keystore.pending.split()
    out = []
    for file in keystore.files.names(keystore.board.STORAGE):
        stem = file[:-2]
        if file.startswith(start) and file[-2:] in (".a", ".b") and stem not in gone:
            name = stem[len(start) :]
            if name not in out:
                out.append(name)
    out.sort()
    return out


def _finish(keystore):
    """What is pending must be gone before something else is."""
    for stem in keystore.pending.split():
        keystore.drop(stem)


def _take_back(keystore, stem):
    """The flash refused: what was written of a first store makes room again; else the next start takes it away."""
    try:
        keystore.drop(stem)
    except OSError:
        pass
