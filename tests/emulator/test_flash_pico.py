"""`ringcast flash` on the emulated Pico's USB port; plain mpremote is the judge of what is on the board then."""

import hashlib
import subprocess
import sys

import pytest
from settop.errors import RemoteError
from settop.version import FORMATS, VERSION
from testbed.boards import load_board
from testbed.deploy.errors import Unplugged
from testbed.deploy.flash import CONFIG, erase_board, flash_board, terminal_files
from testbed.deploy.plan import MANIFEST
from testbed.hil.board_process import BoardProcess
from testbed.machines.pico_flash import FILES_START, files_image, load_uf2
from testbed.runtimes import RuntimeUnavailable, pico_image

from tests.helpers.commands import ringcast

pytestmark = pytest.mark.pico

BOARD = load_board("pico")
SETTINGS = {"CORES": 1}
EMPTY = f"board=pico version={VERSION} formats={FORMATS} boot=0 terminal=unprovisioned"


def image():
    try:
        return pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A Pico fresh from its image; the tests of this file leave it flashed with SETTINGS."""
    image()
    board = BoardProcess(tmp_path_factory.mktemp("board") / "pico")
    board.start()
    yield board
    board.close()


@pytest.fixture(autouse=True)
def state(process):
    """Said where a test fails: what the board was doing then."""
    yield
    print(process.state())


@pytest.fixture(scope="module")
def first(process):
    """The report of the first flash."""
    return flash_board(usb(process), BOARD, SETTINGS)


def usb(process):
    return str(process.ports["usb"])


def mpremote(process, *words):
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", usb(process), *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hashes_by_mpremote(process, paths):
    """{path: SHA-256} as mpremote, which knows nothing of us, has them from the board."""
    lines = mpremote(process, "sha256sum", *(f":{path}" for path in paths)).splitlines()
    digests = [line.split()[0] for line in lines if len(line.split()[:1]) and len(line.split()[0]) == 64]
    assert len(digests) == len(paths)
    return dict(zip(paths, digests, strict=True))


def test_first_flash_puts_everything_and_the_terminal_says_that_it_is_ready(process, first):
    files = terminal_files(BOARD, SETTINGS)
    assert first.transferred == {path: len(data) for path, data in files.items()}
    assert first.ready == EMPTY
    assert first.found.machine == "Raspberry Pi Pico with RP2040"


def test_every_file_is_on_the_board_as_mpremote_sees_it(process, first):
    files = terminal_files(BOARD, SETTINGS)
    wanted = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert hashes_by_mpremote(process, sorted(files)) == wanted


def test_second_flash_transfers_nothing_and_one_changed_module_transfers_one(process, first):
    again = flash_board(usb(process), BOARD, SETTINGS)
    assert (again.transferred, again.removed, again.ready) == ({}, (), EMPTY)
    changed = BOARD.files()["lib/settop/clock.py"] + b"\nCHANGED = 1\n"
    one = flash_board(usb(process), BOARD, SETTINGS, extra_files={"lib/settop/clock.py": changed})
    assert list(one.transferred) == ["lib/settop/clock.mpy"]
    assert "True" in mpremote(process, "exec", "from settop import clock; print(clock.CHANGED == 1)")
    back = flash_board(usb(process), BOARD, SETTINGS)
    assert list(back.transferred) == ["lib/settop/clock.mpy"] and back.ready == EMPTY


@pytest.mark.long
def test_a_terminal_on_one_cable_is_led_to_the_prompt_and_back_to_uarts(process, first):
    by_cable = flash_board(usb(process), BOARD, {**SETTINGS, "LINK": "cable"})
    assert list(by_cable.transferred) == [CONFIG] and by_cable.ready == EMPTY
    by_uarts = flash_board(usb(process), BOARD, SETTINGS)  # its frames are on the port until Ctrl-C is obeyed
    assert list(by_uarts.transferred) == [CONFIG] and by_uarts.ready == EMPTY


def test_plain_mpremote_works_on_a_flashed_board(process, first):
    assert mpremote(process, "exec", "print(6*7)").strip() == "42"
    assert "main.py" in mpremote(process, "ls")
    mpremote(process, "soft-reset")


def test_the_command_gives_an_identity_once_and_keeps_it(process, first, tmp_path):
    words = ("flash", "--board", "pico", "--port", usb(process), "--db", tmp_path / "centre.db")
    words = (*words, "--number", "5550100", "--tariff", "evening")
    ended = ringcast(*words, "--portion-price", "25")
    assert ended.status == 0, ended.err
    terminal = next(line for line in ended.out.splitlines() if "registered as subscriber 1" in line).split()[1]
    again = ringcast(*words)
    assert again.status == 0, again.err
    assert f"terminal={terminal}" in again.out
    assert f"terminal {terminal} is registered in this database already and stays" in again.out
    assert "transferred 0 files" in again.out


@pytest.mark.long
def test_erase_takes_off_keys_and_program_and_leaves_an_empty_board(process, first, tmp_path):
    plan = ringcast("flash", "--board", "pico", "--port", usb(process), "--erase", "--dry-run")
    assert (
        "the keystore (8 files in /keys), the lock keys and the counter" in plan.out
        and "nothing was changed" in plan.out
    )
    refused = ringcast("flash", "--board", "pico", "--port", usb(process), "--erase")  # asks, and nobody answers
    assert refused.status == 1 and "main.py" in mpremote(process, "ls")
    ended = ringcast("flash", "--board", "pico", "--port", usb(process), "--erase", "--yes")
    assert ended.status == 0, ended.err
    assert mpremote(process, "exec", "import os; print(os.listdir())").strip() == "[]"
    look = "import rp2; b = bytearray(4096); rp2.Flash().readblocks(-1, b); print(set(b) == {255})"
    assert mpremote(process, "exec", look).strip() == "True"
    assert "nothing of ringcast" in ringcast("flash", "--board", "pico", "--port", usb(process), "--erase", "--yes").out


@pytest.mark.long
def test_cable_pulled_again_and_again_loses_only_time(process):
    """On an empty board: pulled early, in the middle, with the power, and near the end; then the flash completes."""
    erase_board(usb(process), BOARD)
    count = len(terminal_files(BOARD, SETTINGS))

    def flash_until(pulls, power):
        said = []

        def show(what, done, total):
            said.append(what)
            if len(said) == pulls:
                process.power_off() if power else process.unplug()

        with pytest.raises(Unplugged, match="plug the cable in and say the same again"):
            flash_board(usb(process), BOARD, SETTINGS, progress=show)
        process.power_on() if power else process.plug()

    for pulls, power in ((2, False), (count // 3, True), (count // 4, False)):
        flash_until(pulls, power)
        assert mpremote(process, "exec", "import os; print('main.py' in os.listdir())").strip() == "False"
    last = flash_board(usb(process), BOARD, SETTINGS)
    assert last.ready == EMPTY
    assert 0 < len(last.transferred) < count * 2 // 3  # what was there already did not come again
    files = terminal_files(BOARD, SETTINGS)
    found = hashes_by_mpremote(process, sorted(files))
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert set(mpremote(process, "exec", "import os; print(*os.listdir())").split()) == {
        path.split("/")[0] for path in files
    } | {MANIFEST}


@pytest.mark.long
def test_power_cut_after_the_flash_brings_the_terminal_back(process, first):
    flash_board(usb(process), BOARD, SETTINGS)
    process.power_cycle()
    again = flash_board(usb(process), BOARD, SETTINGS)
    assert again.transferred == {} and again.ready == EMPTY


def test_a_full_flash_is_refused_before_anything_is_touched(tmp_path):
    contents = bytearray(load_uf2(image().path))
    contents[FILES_START:] = files_image({"mine.bin": bytes(1_380_000), "main.py": b"x = 1\n"})
    (tmp_path / "flash").write_bytes(contents)
    full = BoardProcess(tmp_path / "full", "--flash", str(tmp_path / "flash"))
    full.start()
    try:
        with pytest.raises(RemoteError, match=r"file system has \d+ KiB free, and this needs \d+ KiB: remove files"):
            flash_board(usb(full), BOARD, SETTINGS)
        assert sorted(mpremote(full, "exec", "import os; print(*os.listdir())").split()) == ["main.py", "mine.bin"]
    finally:
        full.close()
