"""Power cuts in all that the terminal on the emulated Pico erases and programs: file system, lock keys and counter.

What it did is recorded once. Each cut is then made in a flash in this process, which littlefs mounts and settop's
keystore starts on; that the chip itself starts as these do is asked of a few.
"""

import random
from dataclasses import replace as replace_of

import pytest
from settop.keystore.keystore import Keystore
from settop.keystore.relock import replace
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import flash_image
from testbed.runtimes import RuntimeUnavailable, pico_image

from tests.helpers.flash_board import START, FlashBoard, SparseFlash, Started, is_vault, model_of, tail_of
from tests.helpers.flash_sweep import Sweep, cut_flashes, done, place
from tests.helpers.pico_life import SEED, PicoLife, provision

pytestmark = [pytest.mark.pico, pytest.mark.long]

BOOT = "boot"
LOCK = bytes(range(32))
IS_OLD = b"\x02terminal" + bytes(range(100, 132))
IS_NEW = b"\x02newterm1" + bytes(range(50, 82))


REPLACED = {"terminal-identity": IS_NEW, "call-number": b"5550177", "call-token": None}
# What is done on the board, and how its records are others behind it.
FIRST_LIFE = (
    (BOOT, {}),
    ("start()", {}),
    (provision(IS_OLD, b"5550100"), {"terminal-identity": IS_OLD, "call-number": b"5550100"}),
    ("store('shop', 'film', b'old')", {"shop-film": b"old"}),
    ("store('shop', 'ticket', b'1 of 10', True)", {"shop-ticket": b"1 of 10"}),
    ("store('call', 'token', b'token 01')", {"call-token": b"token 01"}),
    ("start()", {}),
    ("store('call', 'token', b'token 02')", {"call-token": b"token 02"}),
    ("store('shop', 'film', b'the new one')", {"shop-film": b"the new one"}),
    ("store('shop', 'ticket', b'2 of 10', True)", {"shop-ticket": b"2 of 10"}),
    ("store('shop', 'film', bytes(1500))", {"shop-film": bytes(1500)}),  # no longer beside its name
    ("store('shop', 'film', bytes(1501))", {"shop-film": bytes(1501)}),
    (BOOT, {}),
    ("start()", {}),
    ("store('shop', 'ticket', bytes(900), True)", {"shop-ticket": bytes(900)}),
    ("delete('shop', 'film')", {"shop-film": None}),
    ("store('call', 'token', b'token 03')", {"call-token": b"token 03"}),
    (provision(IS_NEW, b"5550177"), REPLACED),
    ("store('call', 'token', b'token 11')", {"call-token": b"token 11"}),
    ("delete('shop', 'ticket')", {"shop-ticket": None}),
    (BOOT, {}),
)
MANY = {f"shop-title_{number:02}": b"title %d " % number * 6 for number in range(12)}
MANY_LIFE = (
    (BOOT, {}),
    ("start()", {}),
    ("store('shop', 'title_07', b'seen once')", {"shop-title_07": b"seen once"}),
    ("store('shop', 'title_08', b'seen once', True)", {"shop-title_08": b"seen once"}),
    ("store('shop', 'title_12', b'the next', True)", {"shop-title_12": b"the next"}),
    ("delete('shop', 'title_09')", {"shop-title_09": None}),
    ("store('call', 'token', b'token 02')", {"call-token": b"token 02"}),
    (provision(IS_NEW, b"5550177"), REPLACED),
    (BOOT, {}),
)


@pytest.fixture(scope="module")
def image():
    try:
        return pico_image(frozen=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def lived(image, plan, flash=None):
    """The life by this plan."""
    life = PicoLife(image, flash)
    try:
        for what, _ in plan:
            life.boot() if what == BOOT else life.do(what)
    finally:
        life.close()
    return life


def states_of(plan, records):
    """The records behind each step."""
    states = []
    for _, changes in plan:
        records = {stem: data for stem, data in {**records, **changes}.items() if data is not None}
        states.append(records)
    return states


@pytest.fixture(scope="module")
def first_life(image):
    """Of a board that was never provisioned."""
    return lived(image, FIRST_LIFE)


@pytest.fixture(scope="module")
def many(image):
    """(flash, records) of a terminal with more records than one directory block of littlefs takes."""
    records = {"terminal-identity": IS_OLD, "call-number": b"5550100", "call-token": b"token 01", **MANY}
    flash = flash_image(image.path, {})
    model = SparseFlash(model_of(flash))
    board = FlashBoard(model, PicoMachine(image, TerminalSpec(files={}, seed=SEED)).unique_id)
    rows = [(*stem.split("-"), data, stem in list(MANY)[::2]) for stem, data in records.items()]
    assert replace(Keystore(board), LOCK, rows) == ""
    return flash[:START] + tail_of(model), records


@pytest.fixture(scope="module")
def many_life(image, many):
    return lived(image, MANY_LIFE, many[0])


def sweep(life, plan, was, **options):
    """How many cuts were made."""
    made = Sweep(life.machine.unique_id, **options)
    made.over(life.before, life.steps, was, states_of(plan, was))
    print(f"{made.cuts} power cuts in {made.commands} commands to the emulated Pico's flash")
    return made.cuts


def test_the_recorded_commands_are_all_that_changed_the_flash(first_life):
    model = model_of(first_life.before)
    commands = [command for step in first_life.steps for command in step.commands]
    for command in commands:
        done(model, command)
    assert tail_of(model) == first_life.after
    assert {is_vault(place(command)[0]) for command in commands} == {True, False}
    assert max(len(step.commands) for step in first_life.steps) > 15


def test_a_power_cut_in_any_step_of_a_life_leaves_one_state_whole(first_life):
    assert sweep(first_life, FIRST_LIFE, {}, stride=1000) > 1000


def test_a_power_cut_among_many_records_leaves_one_state_whole(many_life, many):
    assert sweep(many_life, MANY_LIFE, many[1], stride=1000) > 400


@pytest.mark.soak
def test_a_power_cut_at_every_octet_of_a_life_leaves_one_state_whole(first_life):
    assert sweep(first_life, FIRST_LIFE, {}, random_cuts=20) > 90_000


@pytest.mark.soak
def test_a_power_cut_at_every_octet_among_many_records_leaves_one_state_whole(many_life, many):
    assert sweep(many_life, MANY_LIFE, many[1], random_cuts=10) > 60_000


def test_a_count_before_what_it_counts_would_be_noticed(first_life):
    """The same commands in an order that is wrong, lest the sweep sees nothing."""
    states = states_of(FIRST_LIFE, {})
    number = next(n for n, step in enumerate(first_life.steps) if "2 of 10" in step.what)
    model = model_of(first_life.before)
    for step in first_life.steps[:number]:
        for command in step.commands:
            done(model, command)
    step = first_life.steps[number]
    commands = sorted(step.commands, key=lambda command: not is_vault(place(command)[0]))
    assert commands != list(step.commands)
    wrong = replace_of(step, commands=tuple(commands))
    made = Sweep(first_life.machine.unique_id, stride=1000)
    with pytest.raises(AssertionError, match="roll-back"):
        made.over(tail_of(model), [wrong], states[number - 1], [states[number]])


def test_the_chip_starts_on_what_a_cut_left_as_the_host_does(image, first_life):
    """A few, in provisioning, stores, deletes and the replacement."""
    rng = random.Random(12)
    model, number, seen = model_of(first_life.before), 0, set()
    for step in first_life.steps:
        for command in step.commands:
            number += 1
            if number % 30 == 5:
                left = rng.choice([flash for flash, _ in cut_flashes(model, command, 1000, 3, rng)])
                left.weak.clear()  # as they happen to be
                seen.add(check_on_chip(image, left, first_life.machine.unique_id))
            done(model, command)
    assert len(seen) >= 3


def check_on_chip(image, left, device):
    whole = model_of(tail_of(left))
    expected = Started(SparseFlash(whole), device)
    flash = flash_image(image.path, {})
    life = PicoLife(image, flash[:START] + tail_of(whole))
    try:
        ready = life.boot()
        identity = expected.records.get("terminal-identity")
        terminal = "unprovisioned" if identity is None else identity[1:9].hex()
        assert f"boot={expected.number} terminal={terminal}\r\n" in ready + "\r\n"
        life.do("k.start()")
        for stem, data in expected.records.items():
            service, name = stem.split("-")
            assert life.do(f"print(bytes(Records(k, {service!r}).load({name!r})) == {data!r})") == "True", stem
    finally:
        life.close()
    return terminal
