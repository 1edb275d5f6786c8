"""Power cuts at every byte of every write and around every file operation, on four kinds of medium."""

import random
import sys

from settop.errors import RemoteError
from settop.keystore.identity import next_boot
from settop.keystore.keystore import Keystore

LOCK_KEY = bytes(range(32))
# CPython takes every byte; the unix port and even more so a board take a thinned-out sweep.
STRIDE = 1 if sys.implementation.name == "cpython" else 17 if sys.platform == "linux" else 89
# How a cut write leaves a file: shortened, overwritten up to the cut, erased beyond the cut, or untouched.
APPEND = "append"
IN_PLACE = "in place"
ERASED = "erased first"
ATOMIC = "atomic"
MEDIA = (APPEND, ATOMIC) if STRIDE == 89 else (APPEND, IN_PLACE, ERASED, ATOMIC)


class PowerCut(Exception):
    """The power is gone."""


class CutFiles:
    """Files in a dict that lose power after `steps` steps: operations begun, bytes written, files closed."""

    def __init__(self, files, medium, steps):
        self.files = files
        self.medium = medium
        self.steps = steps
        self.taken = 0

    def read(self, path, limit):
        self._step()
        data = self.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        self._step()
        old = self.files.get(path, b"")
        for written in range(len(data) + 1):
            if self.medium == APPEND:
                self.files[path] = bytes(data[:written])
            elif self.medium == IN_PLACE:
                self.files[path] = bytes(data[:written]) + old[written:]
            elif self.medium == ERASED:
                self.files[path] = bytes(data[:written]) + b"\xff" * (len(data) - written)
            self._step()
        self.files[path] = bytes(data)
        self._step()

    def _step(self):
        if self.taken == self.steps:
            raise PowerCut()
        self.taken += 1


def _open(files, medium=APPEND, steps=-1):
    fs = CutFiles(files, medium, steps)
    return Keystore("ks", LOCK_KEY, b"device", fs), fs


def _prepared(values):
    files = {}
    for value in values:
        _open(files)[0].store("rec", value)
    return files


# (values stored before, file damaged before, what must be readable beside the new value)
SITUATIONS = (
    ((), None, None),
    ((b"first",), None, b"first"),
    ((b"first", b"second, longer"), None, b"second, longer"),
    ((b"1", b"2", b"3"), None, b"3"),
    ((b"1", b"2"), "ks/rec.a", b"1"),
    ((b"1", b"2"), "ks/rec.b", b"2"),
)
NEW = b"the new record"


def test_a_cut_at_any_step_of_a_store_leaves_the_old_or_the_new_record():
    for medium in MEDIA:
        for values, damaged, old in SITUATIONS:
            before = _prepared(values)
            if damaged:
                before[damaged] = before[damaged][:-1]
            _, fs = keystore, fs = _open(dict(before), medium)
            keystore.store("rec", NEW)
            total = fs.taken
            seen = []
            for steps in range(0, total, STRIDE):
                files = dict(before)
                keystore, _ = _open(files, medium, steps)
                try:
                    keystore.store("rec", NEW)
                    raise AssertionError("no cut after %d of %d steps" % (steps, total))
                except PowerCut:
                    pass
                found = _open(files)[0].load("rec")
                assert found == old or found == NEW, (medium, values, steps)
                seen.append(found == NEW)
                # Once the new record is there, it stays there; and whatever was left can be stored over.
                _open(files)[0].store("rec", b"afterwards")
                assert _open(files)[0].load("rec") == b"afterwards"
            assert seen == sorted(seen), (medium, values)
            assert seen[0] is False


def test_a_confirmed_store_is_there_after_a_cut_at_the_next_instant():
    for medium in MEDIA:
        for values, _, _ in SITUATIONS[:4]:
            files = _prepared(values)
            keystore, fs = _open(dict(files), medium)
            keystore.store("rec", NEW)
            assert _open(fs.files)[0].load("rec") == NEW


def test_a_cut_while_loading_changes_nothing():
    files = _prepared((b"1", b"2"))
    before = dict(files)
    for steps in range(2):
        keystore, _ = _open(files, APPEND, steps)
        try:
            keystore.load("rec")
            raise AssertionError("no cut")
        except PowerCut:
            pass
    assert files == before


def test_many_cuts_in_a_row_never_bring_an_older_record_back():
    random.seed(11)
    for medium in MEDIA:
        files = {}
        current = None
        for number in range(400 if STRIDE == 1 else 10):
            value = b"value %d" % number
            keystore, _ = _open(files, medium, random.randrange(260))
            try:
                keystore.store("rec", value)
                current = value
            except PowerCut:
                found = _open(files)[0].load("rec")
                assert found == current or found == value, (medium, number)
                current = None if found is None else bytes(found)
            found = _open(files)[0].load("rec")
            assert found == current


def test_two_slots_of_one_nonce_always_hold_the_same_bytes():
    random.seed(12)
    for medium in (APPEND, ERASED):
        files = {}
        by_nonce = {}
        for number in range(200 if STRIDE == 1 else 12):
            keystore, fs = _open(files, medium, random.randrange(260))
            written = []
            write = fs.write

            def recording(path, data, write=write, written=written):
                written.append(bytes(data))
                write(path, data)

            fs.write = recording
            try:
                keystore.store("rec", b"value %d" % (number % 50))
            except PowerCut:
                pass
            for slot in written:
                assert by_nonce.setdefault(slot[11:24], slot) == slot
        assert len(by_nonce) > 10


def test_no_two_boots_share_a_number_whatever_the_cuts_and_whichever_slot_dies():
    random.seed(13)
    files = {}
    used = set()
    for _ in range(300 if STRIDE == 1 else 15):
        keystore, _ = _open(files, random.choice(MEDIA), random.randrange(300))
        try:
            number = next_boot(keystore)
        except PowerCut:
            continue
        assert number not in used
        used.add(number)
        if random.randrange(3) == 0:
            files["ks/boot" + random.choice((".a", ".b"))] = b"\xff" * 43
    assert len(used) > 5


def test_two_dead_slots_stop_the_boot_counter_instead_of_starting_it_anew():
    files = {}
    assert next_boot(_open(files)[0]) == 1
    assert next_boot(_open(files)[0]) == 2
    files["ks/boot.a"] = files["ks/boot.b"] = b""
    try:
        next_boot(_open(files)[0])
        raise AssertionError("counted on")
    except RemoteError:
        pass
