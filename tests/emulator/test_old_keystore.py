"""Terminals that firmware of FORMATS 3 left: today's keeps their identity, however it came on the board."""

import pytest
from settop.version import FORMATS, VERSION
from testbed.boards import load_board
from testbed.deploy.flash import terminal_files
from testbed.hil.board_process import BoardProcess
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import FILES_START, FLASH_BASE, FLASH_BYTES, load_uf2, uf2_payload
from testbed.runtimes import RuntimeUnavailable, pico_image

from tests.helpers.commands import ringcast
from tests.helpers.flash_board import START, SparseFlash, Started, model_of, remembered_cryptography, tail_of
from tests.helpers.flash_sweep import Sweep, done
from tests.helpers.old_keystore import (
    BOOTS,
    DEVICE_KEY,
    NUMBER,
    SEED,
    TERMINAL_ID,
    Desk,
    cpython_machine,
    of_device,
    pico_flash,
    unix_machine,
)
from tests.helpers.pico_life import PicoLife, provision

IS_NEW = b"\x02newterm1" + bytes(range(50, 82))
BOARD_SEED = 3  # of the emulated board behind its ports
RECORDS = {"terminal-identity": b"\x02" + bytes.fromhex(TERMINAL_ID) + DEVICE_KEY, "call-number": NUMBER.encode()}


def found(make, **options):
    try:
        return make(**options)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def frozen():
    return found(pico_image, frozen=True)


def ready(board, boot):
    return f"board={board} version={VERSION} formats={FORMATS} boot={boot} terminal={TERMINAL_ID}"


def check_kept(machine, name):
    desk = Desk(machine)
    try:
        assert desk.start() == ready(name, BOOTS + 1)
        assert desk.dialled() == NUMBER
        # Beside a boot, the first start counted two for the token's record, which formats 3 had not.
        assert desk.start() == ready(name, BOOTS + 4)
        assert desk.dialled() == NUMBER
        assert desk.start() == ready(name, BOOTS + 5)
    finally:
        machine.close()


def test_a_terminal_on_cpython_keeps_identity_number_and_boots():
    check_kept(cpython_machine(), "cpython")


@pytest.mark.unix
def test_a_terminal_on_unix_keeps_identity_number_and_boots():
    check_kept(found(unix_machine), "unix")


@pytest.mark.pico
def test_a_pico_keeps_identity_number_and_boots(frozen):
    flash = pico_flash(load_uf2(frozen.path))
    check_kept(PicoMachine(frozen, TerminalSpec(files={}, seed=SEED), flash=flash), "pico")


@pytest.mark.pico
def test_an_image_that_is_put_on_a_terminal_of_formats_3_keeps_its_identity(frozen):
    """What a UF2 does not name stays as it was: the old program's end, up to the old lock key."""
    old_program = bytes(range(1, 252)) * (FLASH_BYTES // 251)
    flash = bytearray(pico_flash(old_program))
    for address, data in uf2_payload(frozen.path.read_bytes()):
        assert address + len(data) <= FLASH_BASE + START
        flash[address - FLASH_BASE : address - FLASH_BASE + len(data)] = data
    assert flash[START : FILES_START - 4096] == old_program[START : FILES_START - 4096]
    check_kept(PicoMachine(frozen, TerminalSpec(files={}, seed=SEED), flash=bytes(flash)), "pico")


# --- ./ringcast flash ------------------------------------------------------------------------------------------------


@pytest.mark.pico
@pytest.mark.long
def test_flash_on_a_board_of_formats_3_keeps_its_identity(tmp_path):
    image = found(pico_image)
    device = PicoMachine(image, TerminalSpec(files={}, seed=b"board %d" % BOARD_SEED)).unique_id
    flash = tmp_path / "flash"
    flash.write_bytes(of_device(pico_flash(load_uf2(image.path)), device))
    board = BoardProcess(tmp_path / "pico", "--flash", str(flash), "--seed", str(BOARD_SEED))
    board.start()
    try:
        boot = BOOTS
        for count in (len(terminal_files(load_board("pico"), {})), 0):
            ended = ringcast("flash", "--board", "pico", "--port", board.ports["usb"])
            assert ended.status == 0, ended.err
            # Real time: a board that answers late, on a computer that is busy, may be started once more.
            boot = next(n for n in (boot + 1, boot + 2) if "ready " + ready("pico", n) in ended.out)
            assert f"transferred {count} files" in ended.out
    finally:
        board.close()
    with remembered_cryptography():
        started = Started(SparseFlash(model_of(flash.read_bytes())), device)
    assert (started.number, started.wrong, started.records) == (boot + 1, "", RECORDS)


# --- power cuts ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def life(frozen):
    """The first start, a second one, a token's first store and its roll, another identity, and a start with that."""
    life = PicoLife(frozen, pico_flash(load_uf2(frozen.path)), SEED)
    try:
        assert f"boot={BOOTS + 1} terminal={TERMINAL_ID}" in life.boot()
        life.do("start()")
        life.do("store('call', 'token', b'token 01')")
        life.do("store('call', 'token', b'token 02')")
        life.do(provision(IS_NEW, b"5550177"))
        life.boot()
    finally:
        life.close()
    return life


def sweep(life, **options):
    new = {"terminal-identity": IS_NEW, "call-number": b"5550177"}
    states = [
        RECORDS,
        RECORDS,
        {**RECORDS, "call-token": b"token 01"},
        {**RECORDS, "call-token": b"token 02"},
        new,
        new,
    ]
    made = Sweep(life.machine.unique_id, BOOTS, **options)
    made.over(life.before, life.steps, RECORDS, states)
    print(f"{made.cuts} power cuts in {made.commands} commands to the emulated Pico's flash")
    return made.cuts


@pytest.mark.pico
@pytest.mark.long
def test_a_power_cut_in_any_step_of_the_migration_keeps_the_identity_and_repeats_no_number(life):
    assert len(life.steps[0].commands) > 10
    assert sweep(life, stride=200) > 300


@pytest.mark.pico
@pytest.mark.soak
def test_a_power_cut_at_every_octet_of_the_migration_keeps_the_identity_and_repeats_no_number(life):
    assert sweep(life, random_cuts=50) > 25_000


@pytest.mark.pico
@pytest.mark.long
def test_the_chip_goes_on_with_a_migration_that_was_cut(life, frozen):
    model = model_of(life.before)
    for number, command in enumerate(life.steps[0].commands):
        if number % 6 == 3:
            flash = load_uf2(frozen.path)[:START] + tail_of(model)
            expected = Started(SparseFlash(model), life.machine.unique_id)
            machine = PicoMachine(frozen, TerminalSpec(files={}, seed=SEED), flash=flash)
            desk = Desk(machine)
            try:
                assert desk.start() == ready("pico", expected.number)
                assert desk.dialled() == NUMBER
            finally:
                machine.close()
        done(model, command)
