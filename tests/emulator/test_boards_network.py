"""The network of the boards' own files, on stand-ins for what a port has: state by state, and what nobody may read."""

import sys
import time
from types import SimpleNamespace

import pytest
from settop.errors import LocalError
from testbed.boards import load_board
from testbed.boards.profile import board_config
from testbed.deploy.probe import Found, check_board

from tests.helpers.board_modules import Uart, load_module

PASSWORD = "hunter#2 'quoted'"
WLAN = ("attic", PASSWORD)
with_radio = pytest.mark.parametrize("name", ["pico_w", "pico2_w", "esp32"])
with_uart = pytest.mark.parametrize("name", ["pico", "pico2"])


class Radio:
    """network.WLAN: `code` is its status; `broken`: what it raises."""

    made: list["Radio"] = []
    broken: Exception | None = None

    def __init__(self, interface):
        assert interface == "station"
        self.on, self.joined, self.code, self.names = False, [], 0, "0.0.0.0"  # noqa: S104
        Radio.made.append(self)

    def active(self, on):
        if Radio.broken is not None:
            raise Radio.broken
        self.on = on

    def connect(self, name, password):
        self.joined.append((name, password))

    def isconnected(self):
        return self.code == 3

    def ifconfig(self):
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", self.names)

    def status(self):
        return self.code


class Ppp:
    """network.PPP: `code` is its status."""

    made: list["Ppp"] = []
    broken: Exception | None = None
    lingers = code = 0

    def __init__(self, stream):
        self.calls: list[str] = []
        if isinstance(Ppp.broken, MemoryError):
            raise Ppp.broken
        self.stream, self.code = stream, 0
        self.address = self.names = "0.0.0.0"  # noqa: S104
        Ppp.made.append(self)

    def status(self):
        return self.code

    def connect(self):
        self.calls.append("connect")
        if Ppp.broken is not None:
            raise Ppp.broken
        self.code = 3

    def __del__(self):
        if self.code:
            self.calls.append("closed")
        self.code = 0

    def disconnect(self):
        self.calls.append("closed")
        self.code = Ppp.lingers

    def poll(self):
        self.calls.append("poll")
        if isinstance(self.stream, Pipe) and self.code >= 3:
            self.stream.went += self.stream.came  # an echo
            self.stream.came = b""
        return 12 if self.code >= 3 else -1

    def ifconfig(self):
        return (self.address, "255.255.255.255", "10.1.2.1", self.names)


class Pipe:
    """uplink.Pipe: `came` waits for PPP, `went` for whoever takes it."""

    def __init__(self, room):
        self.room, self.came, self.went = room, b"", b""

    def put(self, octets):
        self.came += bytes(octets)
        return len(octets)

    def take(self, view):
        count = min(len(view), len(self.went))
        view[:count] = self.went[:count]
        self.went = self.went[count:]
        return count


class Brought:
    """A line with `came` on it, which takes `at_once` octets at a time."""

    def __init__(self, came=b"", at_once=1000):
        self.came, self.went, self.at_once = came, b"", at_once

    def any(self):
        return len(self.came)

    def readinto(self, view):
        view[:], self.came = self.came[: len(view)], self.came[len(view) :]
        return len(view)

    def write(self, data):
        taken = bytes(data[: self.at_once])
        self.went += taken
        return len(taken) or None


class Uplink:
    """uplink, which notes what it does."""

    def __init__(self):
        self.done = []

    def Line(self, uart, baud, room):
        self.done.append((baud, room))
        return SimpleNamespace(uart=uart)

    Pipe = Pipe

    def locked(self, function):
        self.done.append("locked")
        return function()

    def multicast(self):
        self.done.append("multicast")


RADIO = SimpleNamespace(WLAN=Radio, STA_IF="station")


@pytest.fixture
def load(monkeypatch):
    """load(name, config): the board's module; `network` and `uplink` are there as far as they are given."""

    def load(name, config=None, network=None, uplink=None):
        monkeypatch.setattr(Radio, "made", [])
        monkeypatch.setattr(Radio, "broken", None)
        monkeypatch.setattr(Ppp, "made", [])
        monkeypatch.setattr(Ppp, "broken", None)
        monkeypatch.setattr(Ppp, "lingers", 0)
        monkeypatch.setattr(time, "ticks_ms", lambda: 0, raising=False)
        monkeypatch.setattr(time, "ticks_diff", lambda a, b: a - b, raising=False)
        monkeypatch.setitem(sys.modules, "network", network)
        monkeypatch.setitem(sys.modules, "uplink", uplink)
        board, _ = load_module(monkeypatch, name, config)
        return board

    return load


# --- boards without one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "config", "word"),
    [
        ("unix", None, "up"),
        ("pyboard", None, "none"),
        ("pico", None, "none"),
        ("pico", {"WIRES": {0: "network", 1: "tuner"}}, "none"),
    ],
)
def test_board_without_a_link_of_its_own_says_so_and_lacks_nothing(load, name, config, word):
    board = load(name, config)
    assert board.network_state() == word
    assert board.network_up() is None and board.network_step() == 0
    assert (board.network_names() == ()) or word == "up"
    assert board.network_state() == word and Uart.made == []


@pytest.mark.parametrize("name", ["pico", "pico2", "pico_w", "pico2_w", "esp32"])
def test_nothing_of_a_network_is_loaded_before_it_is_asked_for(load, name):
    board = load(name)
    names = {"board_network", "board_ppp", "board_wlan"}
    assert not names & sys.modules.keys()
    assert not hasattr(board, "no_such_name") and not hasattr(board, "network")
    assert not names & sys.modules.keys()


# --- PPP ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def wired(load):
    def wired(name, uplink=None):
        return load(name, {"WIRES": {1: "tuner", 0: "network"}}, SimpleNamespace(PPP=Ppp), uplink)

    return wired


@with_uart
def test_ppp_goes_over_the_uart_that_leads_to_the_network_at_its_rate(wired, name):
    uplink = Uplink()
    board = wired(name, uplink)
    assert board.network_state() == "down" and Uart.made == []
    board.network_up()
    (uart,) = Uart.made
    assert (uart.number, uart.baud) == (0, 1_500_000)
    assert uart.options["rxbuf"] >= 8192 and uplink.done == [(1_500_000, uart.options["txbuf"]), "locked"]
    assert Ppp.made[0].stream.uart is uart


@with_uart
def test_ppp_is_up_when_it_has_an_address_and_groups_are_then_switched_on(wired, name):
    uplink = Uplink()
    board = wired(name, uplink)
    board.network_up()
    (ppp,) = Ppp.made
    assert board.network_state() == "down" and board.network_step() == 12
    ppp.code = 4
    assert board.network_state() == "down" and "multicast" not in uplink.done
    ppp.address = "10.1.2.3"
    assert [board.network_state() for _ in range(3)] == ["up"] * 3 and uplink.done.count("multicast") == 1
    board.network_up()  # nothing
    assert ppp.calls == ["connect", "poll"]
    ppp.code = -9
    assert board.network_state() == "failed" and board.network_step() == 0
    board.network_up()
    assert board.network_state() == "down" and ppp.calls.count("connect") == 2 and len(Uart.made) == 1


@pytest.mark.parametrize("name", ["pico", "pico2", "pico_w", "pico2_w", "esp32"])
def test_name_servers_are_known_while_the_network_is_up(wired, load, name):
    if load_board(name).constants["NETWORK"] == "ppp":
        board, made, connected = wired(name), Ppp.made, 4
    else:
        board, made, connected = load(name, {"WLAN": WLAN}, RADIO), Radio.made, 3
    assert board.network_names() == ()
    board.network_up()
    (link,) = made
    link.names = "10.1.2.53"
    assert board.network_names() == ()
    link.code, link.address = connected, "10.1.2.3"
    assert board.network_names() == ("10.1.2.53",)
    link.names = "0.0.0.0"  # noqa: S104
    assert board.network_names() == ()
    link.names, link.code = "10.1.2.53", -1
    assert board.network_names() == ()


def test_the_unix_ports_name_servers_are_those_of_its_machine(load, monkeypatch, tmp_path):
    board, there = load("unix"), tmp_path / "resolv.conf"
    lines = ("# nameserver 1.1.1.1", "search example", "nameserver", "nameserver ::1")
    there.write_text("\n".join((*lines, " nameserver 10.0.0.1 # two", "nameserver 10.0.0.2")))
    monkeypatch.setattr("builtins.open", lambda path, real=open: real(there))
    assert board.network_names() == ("10.0.0.1", "10.0.0.2")
    there.unlink()
    assert board.network_names() == ()


@with_uart
@pytest.mark.parametrize("error", [OSError("ppp_connect failed"), MemoryError()])
def test_ppp_that_cannot_begin_has_failed_and_may_be_tried_again(wired, name, error):
    board = wired(name)
    Ppp.broken = error
    board.network_up()
    assert board.network_state() == "failed" and board.network_step() == 0
    Ppp.broken = None
    board.network_up()
    assert board.network_state() == "down"


def test_an_image_with_ppp_and_without_uplink_has_a_network_all_the_same(wired):
    board = wired("pico")
    board.network_up()
    assert Ppp.made[0].stream is Uart.made[0]
    Ppp.made[0].code, Ppp.made[0].address = 4, "10.1.2.3"
    assert board.network_state() == "up" and board.network_step() == 12


# --- PPP on a line that is brought --------------------------------------------------------------------------------


@pytest.fixture
def dialled(load):
    """A board that has no UART to the network, and an image with PPP."""
    return lambda uplink=None: load("pico", None, SimpleNamespace(PPP=Ppp), uplink)


@pytest.mark.parametrize("at_once", [1000, 100, 1])
def test_ppp_goes_over_a_line_that_is_brought_both_ways_and_in_order(dialled, at_once):
    board, octets = dialled(Uplink()), bytes(range(256)) * 20
    assert board.network_state() == "none"
    line = Brought(octets, at_once)
    board.network_up(line)
    assert board.network_state() == "down" and Uart.made == []
    moved = [board.network_step() for _ in range(6000)]
    assert line.went == octets and sum(moved) == len(octets) and max(moved) <= 1536
    Ppp.made[0].code, Ppp.made[0].address = 4, "10.1.2.3"
    assert board.network_state() == "up"


def test_line_that_takes_nothing_for_a_while_loses_nothing(dialled):
    board, line = dialled(Uplink()), Brought(b"abc" * 300, 0)
    board.network_up(line)
    for _ in range(5):
        board.network_step()
    line.at_once = 1000
    board.network_step()
    assert line.went == b"abc" * 300


def test_another_line_is_another_connection_and_the_end_of_the_first(dialled):
    board, lines = dialled(Uplink()), (Brought(), Brought())
    board.network_up(lines[0])
    board.network_up(lines[0])
    (first,) = Ppp.made
    board.network_up(lines[1])
    assert first.calls == ["connect", "closed"] and len(Ppp.made) == 2
    board.network_down()
    assert Ppp.made[1].calls == ["connect", "closed"] and board.network_state() == "none"
    assert board.network_step() == 0


def test_connection_that_lingers_keeps_its_memory_and_the_next_waits_for_its_end(dialled):
    board = dialled(Uplink())
    board.network_up(Brought())
    Ppp.lingers = 3
    board.network_down()
    (first,) = Ppp.made
    board.network_up(Brought())
    assert Ppp.made == [first] and board.network_state() == "failed"
    assert sys.modules["board_ppp"]._ending is first
    first.code = 0
    board.network_up(Brought())
    assert len(Ppp.made) == 2 and board.network_state() == "down" and sys.modules["board_ppp"]._ending is None


@pytest.mark.parametrize("code", [3, 4])
def test_connection_that_has_no_address_after_40_seconds_has_failed_and_is_ended(wired, monkeypatch, code):
    board, now = wired("pico", Uplink()), [0]
    monkeypatch.setattr(time, "ticks_ms", lambda: now[0])
    board.network_up()
    Ppp.made[0].code = code
    now[0] = 40_000
    assert board.network_state() == "down"
    now[0] = 40_001
    assert board.network_state() == "failed" and Ppp.made[0].calls == ["connect", "closed"]
    board.network_up()
    assert board.network_state() == "down" and len(Ppp.made) == 2


def test_the_cables_channel_is_the_boards_own_line_where_there_is_one(load, monkeypatch):
    line = Brought(b"abc")
    cable = SimpleNamespace(network=line, modem="m", tuner="t", output="o", console="c", idle=None)
    monkeypatch.setitem(sys.modules, "settop.link.cable", SimpleNamespace(usb_cable=lambda: cable))
    board = load("pico", {"LINK": "cable"}, SimpleNamespace(PPP=Ppp), Uplink())
    assert board.network_state() == "down"
    board.network_up()
    board.network_step()
    assert line.went == b"abc"
    board.network_down()
    assert board.network_state() == "down"


@pytest.mark.parametrize("name", ["pico", "pico_w", "esp32", "pyboard", "unix"])
def test_line_that_nothing_can_speak_ppp_on_is_refused(load, name):
    board = load(name, {"WLAN": WLAN}, RADIO)
    with pytest.raises(OSError, match="19"):
        board.network_up(Brought())


# --- WLAN ---------------------------------------------------------------------------------------------------------


@with_radio
def test_radio_joins_what_board_config_names(load, name):
    board = load(name, {"WLAN": WLAN}, RADIO)
    assert board.network_state() == "down" and Radio.made == []
    board.network_up()
    (radio,) = Radio.made
    assert radio.on and radio.joined == [WLAN] and board.network_state() == "down"
    radio.code = 3
    assert board.network_state() == "up" and board.network_step() == 0
    board.network_up()
    assert radio.joined == [WLAN]
    board.network_down()
    assert not radio.on


@with_radio
@pytest.mark.parametrize("code", [-1, -2, -3, 201, 202])
def test_radio_that_may_not_or_finds_nobody_has_failed_and_tries_again_when_it_is_asked(load, name, code):
    board = load(name, {"WLAN": WLAN}, RADIO)
    board.network_up()
    Radio.made[0].code = code
    assert board.network_state() == "failed"
    board.network_up()
    assert Radio.made[0].joined == [WLAN, WLAN]


@with_radio
def test_radio_that_does_not_start_has_failed(load, name):
    board = load(name, {"WLAN": WLAN}, RADIO)
    Radio.broken = OSError("no radio")
    board.network_up()
    assert board.network_state() == "failed"


@with_radio
def test_network_without_a_password_is_joined_without_one(load, name):
    board = load(name, {"WLAN": ("cafe", "")}, RADIO)
    board.network_up()
    assert Radio.made[0].joined == [("cafe", None)]


@with_radio
def test_radio_that_is_told_no_network_is_none(load, name):
    board = load(name, None, RADIO)
    board.network_up()
    assert board.network_state() == "none" and Radio.made == []


# --- what nobody may read -----------------------------------------------------------------------------------------


@with_radio
@pytest.mark.parametrize("wrong", [PASSWORD, ("attic",), ("attic", 5, PASSWORD), ("attic", PASSWORD.encode())])
def test_wrong_wlan_is_refused_without_a_word_of_it(load, name, wrong, capsys):
    board = load(name, {"WLAN": wrong}, RADIO)
    with pytest.raises(ValueError, match=r"board_config\.py: WLAN") as refused:
        board.network_up()
    assert "hunter" not in str(refused.value) and "attic" not in str(refused.value)
    with pytest.raises(LocalError, match="WLAN: expected") as refused:
        board_config({"WLAN": wrong})
    assert "hunter" not in str(refused.value) and "attic" not in str(refused.value)
    assert capsys.readouterr().out == ""


def test_board_config_keeps_a_wlan_whatever_its_password():
    text = board_config({"WLAN": WLAN, "CORES": 1})
    names: dict = {}
    exec(text, names)  # noqa: S102
    assert names["WLAN"] == WLAN


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("Raspberry Pi Pico with RP2040", "pico"),
        ("Raspberry Pi Pico W with RP2040", "pico_w"),
        ("Raspberry Pi Pico2 with RP2350", "pico2"),
        ("Raspberry Pi Pico 2 W with RP2350", "pico2_w"),
    ],
)
def test_board_with_a_radio_is_told_apart_from_the_one_without(machine, name):
    found = Found("micropython", (1, 25, 0), "rp2", machine, 0x0606, 4096, 1 << 20, False)
    for other in ("pico", "pico_w", "pico2", "pico2_w"):
        if other == name:
            check_board(found, load_board(other))
        else:
            with pytest.raises(LocalError, match=f"which is no {other}"):
                check_board(found, load_board(other))


def test_board_that_has_a_radio_brings_what_it_takes():
    for name in ("pico_w", "pico2_w", "esp32"):
        assert "board_wlan.py" in load_board(name).board_modules()
