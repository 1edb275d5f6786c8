"""The commands' own part: options that go together, one-line errors, exit status; `flash`, and `demo` on a board."""

import ssl

import pytest
from headend.provisioning.headend_key import headend_key
from settop.services.network import kept
from settop.version import FORMATS
from settop.wire.ids import TERMINAL_ID_BYTES
from testbed.boards.profile import SHARED
from testbed.commands._flash_settings import WIRE_NAMES
from testbed.commands.play import _How
from testbed.deploy.flash import AUTHORITY
from testbed.network.certificates import certificate

from tests.helpers.commands import ringcast
from tests.helpers.pretend_micropython import Pretence, PretendBoard


@pytest.fixture
def board(tmp_path):
    with PretendBoard(tmp_path, Pretence()) as pretend:
        yield pretend


def flash(board, *words):
    return ringcast("flash", "--board", "pico", "--port", board.port, *words)


def test_flash_says_what_it_did_and_then_what_to_do_next(board):
    ended = flash(board, "--cores", "1", "--tuner-baud", "1500000")
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "Raspberry Pi Pico with RP2040, MicroPython 1.25.0"
    assert "board_config.py: CORES = 1, TUNER_BAUD = 1500000" in lines
    assert f"ready board=pretend formats={FORMATS} boot=0 terminal=unprovisioned" in lines
    assert lines[-1].startswith("no identity yet; give it one: ringcast flash --board pico")
    again = flash(board, "--cores", "2")
    assert "transferred 1 file (31 bytes)" in again.out
    assert board.files()["board_config.py"] == b"CORES = 2\nTUNER_BAUD = 1500000\n"
    assert "board_config.py: LINK = 'uarts', CORES = 2, TUNER_BAUD = 1500000" in flash(board, "--link", "uarts").out


def test_dry_run_lists_every_file_and_changes_none(board):
    ended = flash(board, "--dry-run")
    assert ended.status == 0, ended.err
    assert "  would put     lib/settop/app.mpy  " in ended.out
    assert ended.out.endswith("nothing was changed on the board\n")
    assert board.files() == {}


def test_an_identity_that_cannot_be_made_is_refused_before_the_board_is_touched(board, tmp_path):
    identity = ("--db", tmp_path / "centre.db", "--number", "5550100", "--tariff", "none")
    ended = flash(board, *identity)
    assert ended.status == 1 and "no tariff 'none': add --portion-price" in ended.complaint
    ended = flash(board, *identity[:3], "+49 30", "--tariff", "evening", "--portion-price", "5")
    assert ended.status == 1 and "ringcast flash: " in ended.complaint
    assert board.heard == b""


def test_a_provisioning_that_fails_leaves_the_terminal_running_and_no_subscriber(board, tmp_path):
    board.is_.answers = {b"provision": b"@ 9 error no luck today\r\n"}
    identity = ("--db", tmp_path / "centre.db", "--number", "5550100", "--tariff", "evening", "--portion-price", "5")
    ended = flash(board, *identity)
    assert ended.status == 1 and "the board says: no luck today" in ended.complaint
    assert board.state == "app"
    known = ringcast("flash", "--board", "pico", "--port", board.port, *identity)
    assert "is registered in this database already" not in known.out


def test_a_terminal_that_another_database_knows_gets_a_fresh_identity(board, tmp_path):
    stranger = "ab" * TERMINAL_ID_BYTES
    board.is_.ready = b"@ 3 ready board=pico formats=%d boot=4 terminal=%s\r\n" % (FORMATS, stranger.encode())
    board.is_.answers = {b"provision": b"@ 9 error asked\r\n"}
    identity = ("--db", tmp_path / "centre.db", "--number", "5550100", "--tariff", "evening", "--portion-price", "5")
    ended = flash(board, *identity)
    assert "the board says: asked" in ended.complaint  # it was asked to, and this one will not


def test_a_board_is_told_its_head_end_when_it_is_flashed_and_keeps_that(board, tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_HEADEND_KEY", raising=False)
    board.is_.answers = {b"provision": b"@ 9 error no luck today\r\n"}
    identity = ("--db", tmp_path / "centre.db", "--number", "5550100", "--tariff", "evening", "--portion-price", "5")
    flash(board, *identity, "--dry-run")
    assert not (tmp_path / "centre.db.headend-key").exists()
    flash(board, *identity)
    key = headend_key(tmp_path / "centre.db.headend-key")
    says = b"HEADEND = '%s'\n" % key.public.hex().encode()
    assert board.files()["board_config.py"] == says
    board.is_.answers = {}
    assert flash(board, "--cores", "1").status == 0
    assert board.files()["board_config.py"] == b"CORES = 1\n" + says
    assert flash(board, "--headend", "ab" * 32).status == 0
    assert board.files()["board_config.py"] == b"CORES = 1\nHEADEND = '%s'\n" % (b"ab" * 32)


def test_a_password_of_the_boards_stays_whatever_is_in_it_and_is_never_said(board):
    says = b"""CORES = 1\nWLAN = ('attic', 'hunter#2 "quoted"')\n"""
    (board.root / "board_config.py").write_bytes(says.replace(b"\nWLAN", b"  # one\nWLAN") + b"# mine\n")
    ended = flash(board, "--cores", "1")
    assert ended.status == 0, ended.err
    assert board.files()["board_config.py"] == says
    assert "board_config.py: CORES = 1, WLAN = ..." in ended.out
    assert "hunter" not in ended.out + ended.err and "attic" not in ended.out + ended.err


def test_what_is_no_public_key_is_refused_before_the_board_is_touched(board):
    for text in ("zz", "ab" * 31, "AB" * 32):
        ended = flash(board, "--headend", text)
        assert ended.status == 1 and "HEADEND: expected the head-end's public key" in ended.complaint
    assert board.heard == b""


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("--link", "radio"), 2, "expected uarts or cable"),
        (("--cores", "3"), 2, "--cores"),
        (("--erase", "--link", "cable"), 2, "--erase takes no other options"),
        (("--number", "5550100"), 2, "an identity needs --db"),
        (("--db", "x.db"), 2, "--db needs --number and --tariff"),
        (("--new-identity",), 2, "an identity needs --db"),
        (("--replace",), 2, "an identity needs --db"),
        (("--headend-key", "x"), 2, "an identity needs --db"),
        (("--erase", "--headend", "ab" * 32), 2, "--erase takes no other options"),
    ],
)
def test_options_that_do_not_go_together_are_refused(board, words, status, text):
    ended = flash(board, *words)
    assert (ended.status, board.heard) == (status, b"")
    assert text in " ".join(ended.err.replace("│", " ").split())


def test_boards_that_cannot_be_flashed_so_are_named(board):
    unknown = ringcast("flash", "--board", "picco", "--port", board.port)
    assert unknown.status == 1 and "no board 'picco'; there are unix, pico" in unknown.complaint
    unix = ringcast("flash", "--board", "unix", "--port", board.port)
    assert unix.status == 1 and "is not flashed" in unix.complaint
    one_core = ringcast("flash", "--board", "esp32", "--port", board.port, "--cores", "2")
    assert one_core.status == 1 and "esp32 descrambles on one core" in one_core.complaint


def test_a_port_that_is_not_there_is_one_line_and_status_1(tmp_path):
    ended = ringcast("flash", "--board", "pico", "--port", tmp_path / "ttyNONE")
    assert ended.status == 1 and ended.err.count("\n") == 1
    assert "there is no port" in ended.complaint


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--runtime", "cpython", "--modem-port", "/dev/x"), "--modem-port is for a board: --runtime serial:URL"),
        (("--runtime", "pico", "--link", "cable"), "--link is for a board: --runtime serial:URL"),
        (("--runtime", "serial:"), "--runtime serial: has no URL: serial:/dev/ttyACM0"),
        (("--runtime", "unix:/dev/x"), "unix:/dev/x is for a board"),
        (("--runtime", "serial:/dev/none"), "needs --modem-port PORT and --tuner-port PORT"),
        (("--runtime", "serial:/dev/none", "--link", "cable"), "there is no /dev/none for the console"),
    ],
)
def test_demo_on_a_board_says_what_is_missing(tmp_path, words, text):
    ended = ringcast("demo", "--out", tmp_path, *words)
    assert ended.status == 1
    assert text in ended.complaint


def test_console_lines_that_come_with_the_ready_line_are_not_lost(board, tmp_path):
    board.is_.ready += b"@ 4 error the flash refused\r\n"
    identity = ("--db", tmp_path / "centre.db", "--number", "5550100", "--tariff", "evening", "--portion-price", "5")
    assert "the board says: the flash refused" in flash(board, *identity).complaint


def test_board_that_lags_behind_the_clock_is_told_when_a_run_fails(tmp_path):
    lines = tmp_path / "lines"
    lines.mkdir()
    (lines / "console.log").write_text(
        "     0.000 * opened /dev/ttyACM0 at 115200 baud\n     1.000 < @ 20 ready board=pico\n"
        "    90.000 < @ 99 portion index=0 key=no\n"
        "     0.000 * opened /dev/ttyACM0 at 115200 baud\n     1.500 < @ 500 ready board=pico\n"
        "    15.500 < @ 9000 portion index=3 key=no\n    21.500 < @ 10500 portion index=4 key=no\n"
    )
    late = _How("serial:/dev/ttyACM0", None, None, None, None, "cable").hints(tmp_path)
    assert late[0] == f"what each line carried: {lines}"
    assert "clock went 10.0 s while 20.0 s passed here" in late[1] and "--runtime serial --link cable" in late[1]
    (lines / "console.log").write_text("     1.500 < @ 500 ready board=pico\n    21.400 < @ 20420 portion index=4\n")
    assert len(_How("serial:/dev/ttyACM0", None, None, None, None, None).hints(tmp_path)) == 1
    assert _How("serial", None, None, None, None, None).hints(tmp_path) == []


def test_wires_are_set_as_a_whole(board):
    ended = flash(board, "--wire", "0=dock", "--wire", "1=tuner", "--service", "titles", "--service", "player")
    assert ended.status == 0, ended.err
    config = board.files()["board_config.py"]
    assert config == b"WIRES = {0: 'dock', 1: 'tuner'}\nSERVICES = ('titles', 'player')\n"


@pytest.mark.parametrize(
    ("wires", "complaint"),
    [
        (("0=dock",), "the tuner's too; pico comes with --wire 0=modem --wire 1=tuner"),
        (("dock", "1=tuner"), "expected UART=NAME"),
        (("0=telephone", "1=tuner"), "NAME one of modem, tuner, network, dock"),
        (("0=dock", "0=tuner"), "each UART and each NAME once"),
        (("0=tuner", "1=tuner"), "each UART and each NAME once"),
    ],
)
def test_wires_that_are_none_are_refused_before_the_board_is_touched(board, wires, complaint):
    ended = flash(board, *(word for wire in wires for word in ("--wire", wire)))
    assert ended.status == 2 and complaint in " ".join(ended.err.replace("│", " ").split())
    assert board.heard == b""


def test_an_authority_goes_beside_the_program_and_stays_until_there_is_another(board, tmp_path):
    now_s = 1_900_000_000
    one, other = (certificate(name, now_s - 1, now_s + 9, authority=True) for name in ("one", "other"))
    (tmp_path / "authority.der").write_bytes(one.der)
    (tmp_path / "authority.pem").write_text(ssl.DER_cert_to_PEM_cert(other.der))
    assert flash(board, "--authority", tmp_path / "authority.der").status == 0
    assert board.files()["authority.der"] == one.der
    assert flash(board, "--cores", "1").status == 0  # a setting that is not named stays
    assert board.files()["authority.der"] == one.der
    ended = flash(board, "--authority", tmp_path / "authority.pem")
    assert ended.status == 0 and "kept as" not in ended.out
    assert board.files()["authority.der"] == other.der
    assert flash(board, "--erase", "--yes").status == 0
    assert "authority.der" not in board.files()


def test_what_is_no_certificate_is_refused_before_the_board_is_touched(board, tmp_path):
    pem = ssl.DER_cert_to_PEM_cert(certificate("one", 1, 9, authority=True).der)
    bad = {"noise": bytes(200), "empty": b"", "two": (pem + pem).encode(), "torn": pem[:200].encode()}
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        ended = flash(board, "--authority", tmp_path / name)
        assert ended.status == 1 and "certificate" in ended.complaint, (name, ended.err)
    assert flash(board, "--authority", tmp_path / "nothing").status == 1
    assert board.heard == b""


def test_flash_names_the_wires_and_the_certificate_as_boards_do():
    assert AUTHORITY == kept.AUTHORITY
    assert f"_WIRES = {WIRE_NAMES!r}\n".replace("'", '"') in (SHARED / "board_common.py").read_text()
