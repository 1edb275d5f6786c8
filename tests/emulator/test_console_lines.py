"""Whoever reads a terminal's console takes the same lines for its own, whatever else comes there."""

import random
from types import SimpleNamespace

import pytest
from settop.errors import RemoteError
from settop.version import FORMATS
from settop.wire.console import pack, parse
from testbed.commands._dialogue import UNASKED, Registry, provision_board
from testbed.deploy.port import BoardPort
from testbed.deploy.started import BoardConsole, wait_ready
from testbed.formats import mismatch
from testbed.hil.adapter import AttachedBoard
from testbed.hil.line_log import LineLog, clocks
from testbed.hil.machine import SerialMachine
from testbed.line.console import find_line
from testbed.machines.base import TerminalSpec
from testbed.station import Station

from tests.helpers.pretend_board import Shell, pretend_board

TEXT = f"board=pretend version=1 formats={FORMATS} boot=4 terminal=unprovisioned"
READY = f"@ 12 ready {TEXT}\r\n".encode()
NOT_READY = (
    b"",
    b"MPY: soft reboot\r\n",
    b"@\r\n@ 5\r\n@ 5 \r\n@  5 ready\r\n",
    b"@ 3 error the flash refused\r\n",
    b"@ 3 already board=x\r\n@ 3 readying board=x\r\n",
    b"@ 3 programme number=1 name=@ 9 ready board=x\r\n",  # a broadcaster names the services
    b"@ x ready board=x\r\n@ -4 ready board=x\r\n",
    b"> @ 3 ready board=x\r\n",
    b"\xff\xfe caf\xc3\xa9\r\n",
)
NOISE = (b"", b"\x00", b"\xff\x00\xfe", b"\r")


class Heard(BoardPort):
    """A port that has said it all."""

    def __init__(self, data):
        self._data = data

    def read_some(self, _wait_s):
        data, self._data = self._data, b""
        return data


def heard_by_station(data):
    """(events, other lines) of what a terminal says."""
    pieces = {"console": data}
    machine = SimpleNamespace(take=lambda line: pieces.pop(line, b""), send=lambda *_: None)
    station = Station("T1", machine)
    station.exchange_bytes(50)
    return [(event.at_ms, event.name, event.text) for event in station.console], station.chatter


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("before", NOT_READY)
def test_ready_line_is_found_behind_what_is_none(before, noise):
    assert find_line(before, "ready") is None
    heard = before + noise + READY
    assert find_line(heard + b"@ 13 portion", "ready") == (TEXT, len(heard))


def test_half_a_line_is_not_yet_one():
    for end in range(len(READY)):
        assert find_line(READY[:end], "ready") is None
    assert find_line(READY[:-2] + b"\n", "ready") == (TEXT, len(READY) - 1)
    assert find_line(b"", "ready") is None


def test_first_line_of_an_event_counts_and_it_may_have_no_text():
    assert find_line(b"@ 1 ready\r\n@ 2 ready a=1\r\n", "ready") == ("", 11)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("before", NOT_READY)
def test_flashed_board_is_ready_with_that_line_and_not_before(before, noise):
    port = Heard(before + noise + READY + b"@ 13 error x\r\n")
    console = BoardConsole(port, "uarts")
    assert wait_ready(port, console, 5.0) == TEXT
    assert console.readline() == b"@ 13 error x\r\n"
    port = Heard(before)
    with pytest.raises(RemoteError, match="no `ready` line"):
        wait_ready(port, BoardConsole(port, "uarts"), 0.01)


@pytest.mark.parametrize("before", [b"@ 3 readying formats=9\r\n@ 3 x name=@ 9 ready formats=9\r\n", b"\xff\x00"])
def test_board_on_the_bench_is_ready_with_that_line_and_not_before(tmp_path, before):
    with (
        pretend_board(tmp_path / "console", Shell(terminal=before + READY)),
        pretend_board(tmp_path / "modem", lambda data: b""),
        pretend_board(tmp_path / "tuner", lambda data: b""),
    ):
        urls = {name: str(tmp_path / name) for name in ("console", "modem", "tuner")}
        machine = SerialMachine(AttachedBoard(urls), TerminalSpec(files={}), "uarts")
        try:
            machine.boot()
            assert READY in machine.take("console")
        finally:
            machine.close()


def test_station_tells_lines_from_other_words():
    said = b"@ 1 portion index=1 key=yes\r\n@ 2 hung_up\r\n\r\nMemoryError: 5\r\n@ 3\r\n@ x y z\r\n"
    said += b"@ 9 error  a  b\r\n@ 4 h"
    assert heard_by_station(said) == (
        [(50, "portion", "index=1 key=yes"), (50, "hung_up", ""), (50, "error", " a  b")],
        ["MemoryError: 5", "@ 3", "@ x y z"],
    )


@pytest.mark.parametrize("stray", [b"", b"\r\n", b"@ 1 provision-key\n@ x error 0\n", b"@ 1 ready a\r\n", b"@\n"])
def test_dialogue_of_provisioning_passes_over_what_is_no_answer(stray):
    answers = [line + b"\n" for line in stray.split(b"\n")] + [b"@ 7 error no key today\r\n"]
    console = SimpleNamespace(write=len, readline=lambda size: answers.pop(0))
    key_first = b"provision-key\n" in stray  # of no key
    with pytest.raises(RemoteError, match="no provision-key: expected 64" if key_first else "the board says: no key"):
        registry = Registry(None, lambda _: None, lambda: pytest.fail("registered"), lambda _: None)
        provision_board(console, registry, UNASKED)


def test_an_answer_that_a_time_out_cuts_in_two_is_one_answer():
    key = bytes(range(9, 41)).hex().encode() + b" headend=none terminal=none"
    answers = [b"", b"@ 1146 provision-key " + key[:4], b"", key[4:] + b"\r", b"\n", b"@ 9 error no more\r\n"]
    console = SimpleNamespace(write=len, readline=lambda size: answers.pop(0))
    registry = Registry(None, lambda _: None, lambda: pytest.fail("registered"), lambda _: None)
    with pytest.raises(RemoteError, match="no more"):
        provision_board(console, registry, UNASKED)
    assert answers == []


def test_clocks_are_those_of_a_boards_own_lines_since_it_started(tmp_path):
    log = tmp_path / "console.log"
    log.write_text(
        "     0.500 < @ 90000 portion index=3 key=yes\n"
        "     1.000 < MPY: soft reboot\n"
        "     1.250 < @ 250 ready board=x\n"
        "     1.300 > status\n"
        "     1.500 * @ 9 note\n"
        "     2.000 < @ x portion\n"
        "     3.250 < @ 2250 portion index=1 key=no\n"
        "     9.000 < x@ 9000 portion\n"
        "     9.000 > @ 9000 portion\n"
    )
    assert clocks(log) == (2.0, 2.0)
    log.write_text("     1.250 < @ 250 ready board=x\n")
    assert clocks(log) is None
    assert clocks(tmp_path / "none.log") is None


def test_clocks_of_a_log_as_it_is_written(tmp_path):
    log = LineLog(tmp_path / "console.log", text=True)
    log.heard(b"@ 1000 ready x\r\n@ 400")
    log.heard(b"0 portion index=1\r\n")
    by_board, by_host = clocks(tmp_path / "console.log")
    assert by_board == 3.0 and 0 <= by_host < 3


def test_random_texts_are_lines_that_pack_to_themselves_or_none():
    rng = random.Random(4)
    pieces = (
        "@ ",
        "@",
        " ",
        "5",
        "ready",
        "=",
        "\t",
        "\r",
        "-",
        "_",
        "\u00a0",
        "\x00",
        "\u0665",
        "x=1",
        "\x1c",
        "\x85",
    )
    lines = 0
    for _ in range(20_000):
        line = "@ 5 " * rng.getrandbits(1) + "".join(rng.choice(pieces) for _ in range(rng.randrange(9)))
        found = parse(line)
        if found is not None:
            lines += 1
            now_ms, event, text = found
            assert parse(pack(now_ms, event, text)) == (now_ms, event, text.rstrip())
    assert lines > 2_000


def test_random_octets_leave_every_reader_in_one_piece(tmp_path):
    rng = random.Random(3)
    pieces = (b"@ ", b"@", b" ", b"5", b"ready", b"\r", b"\n", b"\xff", b"\x00", b"=", b"formats=2", b"- ", b"9" * 30)
    log = tmp_path / "console.log"
    for _ in range(300):
        heard = b"".join(rng.choice(pieces) for _ in range(rng.randrange(30)))
        events, others = heard_by_station(heard)
        lines = heard.replace(b"\r", b"").split(b"\n")[:-1]
        assert len(events) + len(others) == sum(1 for line in lines if line)
        for _, name, text in events:
            assert parse(pack(5, name, text)) == (5, name, text.rstrip())
            mismatch(text)
        found = find_line(heard, "ready")
        if found is not None:
            assert b"ready" in heard[: found[1]] and heard[found[1] - 1 : found[1]] == b"\n"
        log.write_bytes(b"".join(b"     1.000 < " + line + b"\n" for line in lines))
        clocks(log)
