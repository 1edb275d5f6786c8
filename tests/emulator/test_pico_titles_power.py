"""Power cuts in all that a purchase, a download, a licence, a transfer and an update erase and program on the emulated
Pico: littlefs, and settop in this process, judge what each leaves.

The shop, the dock and the signer are left out: the firmware's own rooms write on the board what they write then, step
by step. Each cut leaves what was before a command of the flash or what is behind it; and what is between any two
commands is old or new as the step has it.
"""

import hashlib
import random
import struct
from dataclasses import dataclass

import pytest
from settop.keystore.keystore import Keystore, Records
from settop.services.player.copies import Copy
from settop.services.shop.kept import Kept
from settop.services.titles.licences import Licences, _name
from settop.services.titles.terms import FORM
from settop.updates.loading import path_of
from settop.updates.record import unpack_record
from testbed.boards import load_board
from testbed.runtimes import RuntimeUnavailable
from testbed.runtimes.find import firmware_image

from tests.helpers.flash_board import (
    COUNTS,
    Counter,
    FlashBoard,
    SparseFlash,
    Started,
    model_of,
    remembered_cryptography,
    tail_of,
)
from tests.helpers.flash_sweep import cut_flashes, done
from tests.helpers.pico_life import PicoLife, provision

import update_vectors  # isort: skip
from title_vectors import KEY, KID  # isort: skip

pytestmark = [pytest.mark.pico, pytest.mark.long]

SERVICES = ("titles", "shop", "dock", "player", "updates")
NOW = 1_800_000_000_000
OTHER_KEY = bytes(range(0x70, 0x80))
COPY = b"copy one"
TITLE = bytes((at * 7 + at // 251) & 0xFF for at in range(5001))
FOLDERS = ("/titles", "/player", "/update/A", "/update/B")
PREPARE = f"""
import hashlib
from settop.services.player.copies import Copies
from settop.services.shop.download import Download
from settop.titles.files import files_of
from settop.services.shop.kept import Client, Kept
from settop.services.titles.licences import Licences
from settop.services.titles.terms import TermClock, Terms
from settop.updates.modules import Modules
from settop.updates.reception import Reception
TITLE = bytearray({len(TITLE)})
for at in range(len(TITLE)):
    TITLE[at] = (at * 7 + at // 251) & 255
KID = {KID!r}
titles = Records(k, "titles")
def keep(key, terms=None):
    Licences(titles).keep(KID, key, terms)
def play():
    terms = Terms(titles)
    print(bytes(Licences(titles).key(KID, lambda name, data: terms.use(name, data, 0))) == {KEY!r})
class Coming:
    failure = ""
    def get(self, url, sink, now_ms, limit, longest_ms, start):
        self.state, self.got, self.sink, self.total = "reading", start, sink, limit
    def step(self, now_ms):
        piece = TITLE[self.got : self.got + 700]
        self.got += self.sink(memoryview(piece), self.got) if piece else 0
        if self.got == self.total:
            self.state = "done"
    def give_up(self):
        self.state = "idle"
def download():
    d = Download(Coming(), files_of(board), 1, len(TITLE), hashlib.sha256(TITLE).digest(), "", 0)
    while d.state != "done":
        d.step(0)
copies = Copies(board, Records(k, "player"))
def copy():
    copies.files.begin({COPY.hex()!r})
    for at in range(0, len(TITLE), 700):
        copies.files.append(TITLE[at : at + 700])
        copies.files.sync()
    copies.files.close()
    copies.keep({COPY!r}, 1, b"at home ", KID, {KEY!r}, len(TITLE), "ipcm", "Song X")
class Signed:
    STORAGE, NAME, SIGNER = board.STORAGE, "test", {update_vectors.SIGNER!r}
modules = Modules(Signed, Records(k, "update"), print)
def receive(octets):
    coming = Reception(modules)
    coming.write(octets)
    coming.finish()
def tried():
    module, trial = modules.start("beep")
    if trial:
        modules.came_up("beep")
    print(module.make(None, 8000, 1, b""))
def client(number, key, following=b""):
    Kept(Records(k, "shop")).store_client(Client(b"client 1", number, key, following))
"""
RIGHT = (3, 0, 0, 7200)
# What is done on the board; for each, what of it may be found before, meanwhile and behind it.
LIFE = (
    ("start()", {}),
    (provision(b"\x02terminal" + bytes(range(100, 132)), b"5550100"), {}),
    ("client(1, bytes(32))", {"client": [None, (1, 0)]}),
    (f"keep({KEY!r})", {"key": [None, KEY]}),
    ("client(1, bytes(32), b'n' * 32)", {"client": [(1, 0), (1, 32)]}),
    ("client(2, b'n' * 32)", {"client": [(1, 32), (2, 0)]}),
    ("titles and Licences(titles).forget(KID.hex())", {"key": [KEY, None]}),
    (f"keep({KEY!r}, {RIGHT})", {"right": [None, (*RIGHT, 0)]}),
    (f"TermClock(titles).learn({NOW}, 0)", {"clock": [None, NOW]}),
    ("play()", {"right": [(*RIGHT, 0), (*RIGHT, NOW)]}),
    (f"TermClock(titles).learn({NOW + 86400000}, 0)", {"clock": [NOW, NOW + 86400000]}),
    ("download()", {"title": [None, "part", "whole"]}),
    ("copy()", {"copy": [None, "part", "whole"]}),
    ("copies.remove(copies.names()[0])", {"copy": ["whole", "part", None]}),
    (f"receive({update_vectors.BEEP_1!r})", {"update": [None, (0, None, None), (0, None, 1)]}),
    ("tried()", {"update": [(0, None, 1), (1, 1, None)]}),
    (f"receive({update_vectors.BEEP_2!r})", {"update": [(1, 1, None), (1, 1, 2)]}),
    ("tried()", {"update": [(1, 1, 2), (2, 2, None)]}),
    ("modules.forget('beep')", {"update": [(2, 2, None), (2, None, None)]}),
)  # fmt: skip


@dataclass
class Found:
    """What a start on a flash finds: `number` of the boot, `records`, files of FOLDERS by path."""

    number: int
    records: dict
    files: dict

    def same(self, other):
        return (self.records, self.files) == (other.records, other.files)


def found(model, device):
    begun = Started(model, device)
    assert begun.wrong == "", begun.wrong
    files = FlashBoard(model, device).FILES
    paths = [f"{folder}/{name}" for folder in FOLDERS for name in files.names(folder) if name not in ("A", "B")]
    return Found(begun.number, begun.records, {path: bytes(files.read(path, 1 << 20) or b"") for path in paths})


def told(model, device):
    """What LIFE speaks of, read by settop's own rooms; AssertionError: a file is not what its record says."""
    seen = found(SparseFlash(model), device)
    keystore = Keystore(FlashBoard(SparseFlash(model), device))
    keystore.start()

    def records(service):
        return Records(keystore, service)

    data = seen.records.get("titles-" + _name(KID), b"")
    state = {"key": None, "right": None, "client": None, "clock": None, "title": None, "copy": None, "update": None}
    if data[:1] == b"\1":
        state["key"] = bytes(Licences(records("titles")).key(KID))
    elif data:
        assert data[1:33] == KID + KEY
        state["right"] = struct.unpack(FORM, data[33:])
    if "shop-client" in seen.records:
        client = Kept(records("shop")).client()
        state["client"] = client.number, len(client.next_key)
    if "titles-clock" in seen.records:
        state["clock"] = struct.unpack(">BQ", seen.records["titles-clock"])[1]
    by_folder = {name: [path for path in seen.files if path.startswith(name)] for name in FOLDERS}
    state["title"] = one_of(seen.files, by_folder["/titles"], lambda path: path.endswith(".mp4"))
    record = seen.records.get("player-" + COPY.hex())
    if record is not None:
        copy = Copy(COPY, bytearray(record))
        assert (copy.key, copy.size) == (KEY, len(TITLE))
        assert by_folder["/player"] == ["/player/" + COPY.hex()]
    state["copy"] = one_of(seen.files, by_folder["/player"], lambda path: record is not None)
    record = seen.records.get("update-beep")
    if record is not None:
        record = unpack_record(record)
        for entry in (record.kept, record.new):
            if entry is not None:
                octets = seen.files[path_of("/update", entry.slot, "beep", entry.mpy)]
                assert hashlib.sha256(octets).digest() == entry.digest
        versions = [None if entry is None else entry.version for entry in (record.kept, record.new)]
        state["update"] = (record.floor, *versions)
    return seen, state


def one_of(files, paths, is_whole):
    """The state of a file that comes piece by piece: None, "part" or "whole"."""
    assert len(paths) <= 1, paths
    for path in paths:
        assert TITLE.startswith(files[path]), path
        if is_whole(path):
            assert files[path] == TITLE
            return "whole"
        return "part"
    return None


@pytest.fixture(scope="module")
def life():
    try:
        life = PicoLife(firmware_image(load_board("pico"), services=SERVICES))
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    try:
        life.boot()
        for what, _ in LIFE[:2]:
            life.do(what)
        life.do(PREPARE)
        for what, _ in LIFE[2:]:
            life.do(what)
    finally:
        life.close()
    return life


def sweep(life, stride, random_cuts=0):
    """How many cuts were made."""
    rng, device = random.Random(15), life.machine.unique_id
    model, cuts, commands = model_of(life.before), 0, 0
    allowed = dict(LIFE)
    tried = 0
    with remembered_cryptography():
        before, state = told(model, device)
        for step in life.steps:
            rows = allowed.get(step.what, {})
            if step.what == "tried()":
                rows = [row for what, row in LIFE if what == "tried()"][tried]
                tried += 1
            reached = [state]
            for number, command in enumerate(step.commands):
                where = (step.what[:60], number)
                after = model.copy()
                done(after, command)
                behind, state = told(after, device)
                counted = Counter(SparseFlash(model), COUNTS).value()
                commands += 1
                for left, _ in cut_flashes(model, command, stride, random_cuts, rng):
                    first = found(left, device)
                    assert first.same(before) or first.same(behind), where
                    assert first.number > counted or not first.records, where
                    second = found(left, device)
                    assert second.same(first) and (second.number > first.number or not first.records), where
                    cuts += 1
                model, before = after, behind
                if state != reached[-1]:
                    reached.append(state)
            for name in state:
                passed = [one[name] for one in reached]
                passed = [one for at, one in enumerate(passed) if not at or one != passed[at - 1]]
                assert name in rows or len(passed) == 1, (step.what[:60], name, passed)
                if name in rows:
                    # Each in its order, and the last one at the end; what is neither old nor new is nowhere.
                    assert passed == [one for one in rows[name] if one in passed], (step.what[:60], name, passed)
                    assert (passed[0], passed[-1]) == (rows[name][0], rows[name][-1]), (step.what[:60], name, passed)
    print(f"{cuts} power cuts in {commands} commands to the emulated Pico's flash")
    return cuts


def test_a_power_cut_in_any_command_of_the_flash_leaves_old_or_new(life):
    assert sweep(life, 1000) > 500


@pytest.mark.soak
def test_a_power_cut_at_every_eighth_octet_leaves_old_or_new(life):
    assert sweep(life, 8, random_cuts=2) > 10_000


def test_what_is_neither_old_nor_new_is_noticed(life):
    """Lest the sweep sees nothing: a title that is not all there, a copy's record without its octets, a lost module."""
    device = life.machine.unique_id
    for number, spoil in (
        (11, lambda files: files.write(files_in(files, "/titles")[0], TITLE[:-1])),
        (12, lambda files: files.write(files_in(files, "/player")[0], TITLE[:-1])),
        (12, lambda files: files.remove(files_in(files, "/player")[0])),
        (15, lambda files: files.remove(files_in(files, "/update/A")[0])),
    ):
        model = model_of(life.before)
        steps = [step for step in life.steps if step.what != "start of the terminal" and step.what != PREPARE]
        last = steps[number]
        assert last.what == LIFE[number][0]
        for step in life.steps[: life.steps.index(last) + 1]:
            for command in step.commands:
                done(model, command)
        told(model, device)
        spoiled = SparseFlash(model)
        spoil(FlashBoard(spoiled, device).FILES)
        with pytest.raises((AssertionError, KeyError)):
            told(model_of(tail_of(spoiled)), device)


def files_in(files, folder):
    return [f"{folder}/{name}" for name in files.names(folder)]
