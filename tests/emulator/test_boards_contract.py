"""Every board defines every name, in every link mode; what is flashed is what there is."""

import inspect
import re
import select
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest
from settop.errors import LocalError
from testbed.boards import BOARD_NAMES, load_board
from testbed.boards.compile import STAY_SOURCE, board_files, compile_module
from testbed.boards.profile import BOARDS, FIRMWARE, SHARED, board_config
from testbed.boards.sizes import frozen_size
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.terminals import terminal_files

from tests.helpers.board_modules import Uart, load_module

NAMES = {
    "NAME": str,
    "PORT": str,
    "LINK": str,
    "CORES": int,
    "UARTS": (dict, type(None)),
    "WIRES": dict,
    "SERVICES": tuple,
    "HEADEND": str,
    "SIGNER": str,
    "MODEM_BAUD": int,
    "TUNER_BAUD": int,
    "STORAGE": str,
    "LOCK_PLACE": str,
    "NETWORK": (str, type(None)),
    "CODEC": (tuple, type(None)),
    "HEAP_BYTES": int,
    "FLASH_BYTES": int,
}
SIGNATURES = {
    "modem": [],
    "tuner_and_output": [],
    "Console": [],
    "load_locks": [],
    "locks_damaged": [],
    "store_lock": ["lock"],
    "forget_old_lock": [],
    "counter": [],
    "count": [],
    "codec": [],
    "dock": [],
    "network_up": ["line"],
    "network_down": [],
    "network_state": [],
    "network_names": [],
    "network_step": [],
    "unique_id": [],
    "entropy": [],
    "ticks_ms": [],
    "ticks_diff": ["a", "b"],
    "idle": ["idle_ms"],
}
LAZY_NAMES = {"codec", "dock", "network_up", "network_down", "network_state", "network_names", "network_step"}
WITH_BUTTON = ("pico", "pico_w", "pico2", "pico2_w")
PORTS = ("rp2", "unix", "esp32", "stm32", "cpython")
ARCHES = {
    "unix": "x64",
    "pico": "armv6m",
    "pico_w": "armv6m",
    "pico2": "armv7emsp",
    "pico2_w": "armv7emsp",
    "esp32": "xtensawin",
    "pyboard": "armv7emsp",
}
MPY_ARCH_CODES = {"x64": 2, "armv6m": 4, "armv7emsp": 7, "xtensawin": 10}
"""Bits 2 and up of a native .mpy file's second header octet (py/persistentcode.h)."""

every = pytest.mark.parametrize("name", BOARD_NAMES)
with_cpython = pytest.mark.parametrize("name", [*BOARD_NAMES, "cpython"])
with_uarts = pytest.mark.parametrize("name", [name for name in BOARD_NAMES if name != "unix"])


@pytest.fixture
def load(monkeypatch):
    def load(name, config=None):
        if name == "cpython":
            return CpythonMachine(TerminalSpec(files={}, seed=b"contract")).board()
        monkeypatch.setitem(sys.modules, "network", SimpleNamespace())  # what is done with it: test_boards_network
        return load_module(monkeypatch, name, config)[0]

    return load


def test_there_is_one_folder_for_each_name_and_each_has_its_four_files():
    folders = {path.name for path in BOARDS.iterdir() if path.is_dir() and path.name not in ("shared", "__pycache__")}
    assert folders == set(BOARD_NAMES)
    for name in BOARD_NAMES:
        for file in ("board.py", "board.toml", "manifest.py", "wiring.md"):
            assert (BOARDS / name / file).is_file(), f"boards/{name}/{file}"


@with_cpython
def test_every_name_is_there_with_its_type_and_its_arguments(load, name):
    board = load(name)
    for constant, kind in NAMES.items():
        assert isinstance(getattr(board, constant), kind), constant
    for function, arguments in SIGNATURES.items():
        assert list(inspect.signature(getattr(board, function)).parameters) == arguments, function
    assert name == board.NAME
    assert board.PORT in PORTS and board.LINK in ("uarts", "cable") and board.CORES in (1, 2)


@with_cpython
def test_nothing_public_is_there_that_the_others_lack(load, name):
    here = {"unix": {"Tty"}, "cpython": {"COPIES", "FILES", "MODULE_FILES", "SOCKETS", "TITLE_FILES", "open"}}
    own = here.get(name, {"button"} if name in WITH_BUTTON else set())
    modules = (ModuleType, SimpleNamespace)
    public = {n for n, value in vars(load(name)).items() if n[0] != "_" and not isinstance(value, modules)}
    # What a network or a decoder chip takes is loaded when somebody asks for one of its names.
    assert public - own - {"cable", "uart_of"} | LAZY_NAMES == NAMES.keys() | SIGNATURES.keys()


@pytest.mark.parametrize("name", WITH_BUTTON)
def test_a_button_is_held_or_not(load, name):
    board = load(name)
    assert board.button() is False
    sys.modules["board_rp2"].bootsel_button = lambda: 1
    assert board.button() is True


@every
def test_board_config_says_which_head_end_the_board_trusts(load, name):
    assert load(name).HEADEND == ""
    assert load(name, {"HEADEND": "ab" * 32}).HEADEND == "ab" * 32
    assert board_config({"HEADEND": "ab" * 32}) == b"HEADEND = '" + b"ab" * 32 + b"'\n"
    for text in ("", "ab", "zz" * 32, "AB" * 32, 5):
        with pytest.raises(LocalError, match="HEADEND"):
            board_config({"HEADEND": text})


@every
def test_board_config_says_whose_modules_the_board_takes(load, name):
    assert load(name).SIGNER == "" and load(name, {"SIGNER": "ab" * 32}).SIGNER == "ab" * 32
    assert board_config({"SIGNER": "ab" * 32}) == b"SIGNER = '" + b"ab" * 32 + b"'\n"
    for text in ("", "ab", "zz" * 32, "AB" * 32, 5):
        with pytest.raises(LocalError, match="SIGNER"):
            board_config({"SIGNER": text})


@every
def test_board_config_sets_link_cores_and_rate(load, name):
    board = load(name, {"LINK": "cable", "CORES": 1, "TUNER_BAUD": 1_500_000})
    assert (board.LINK, board.CORES, board.TUNER_BAUD) == ("cable", 1, 1_500_000)
    board = load(name, {"CORES": 2})
    assert (board.LINK, board.CORES) == ("uarts", 2)


@with_cpython
def test_modem_tuner_and_output_have_the_face_of_a_uart(load, monkeypatch, name):
    monkeypatch.setattr(Uart, "any", lambda self: 0, raising=False)
    monkeypatch.setattr(Uart, "readinto", lambda self, view: 0, raising=False)
    monkeypatch.setattr(Uart, "write", lambda self, data: len(data), raising=False)
    board = load(name)
    # The unix port's open terminals at once.
    lines = [board.Tty] if name == "unix" else [board.modem(), *board.tuner_and_output()]
    assert all(callable(getattr(line, method)) for line in lines for method in ("any", "readinto", "write"))


@with_cpython
def test_lock_keys_come_back_newest_first_in_bytearrays_of_their_own(load, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    board = load(name)
    old, new, third = (bytes(range(first, first + 32)) for first in (0, 100, 200))
    assert board.load_locks() == [] and board.locks_damaged() == 0
    board.store_lock(old)
    (lock,) = board.load_locks()
    assert isinstance(lock, bytearray) and lock == old
    lock[:] = bytes(32)  # as the application does
    board.store_lock(bytearray(new))
    assert board.load_locks() == [new, old]
    board.forget_old_lock()
    assert board.load_locks() == [new] and board.locks_damaged() == 0
    board.store_lock(third)
    assert board.load_locks() == [third, new]
    with pytest.raises(LocalError, match="31 bytes, expected 32"):
        board.store_lock(third[:-1])


@with_cpython
def test_the_counter_goes_on_after_a_start_and_is_apart_from_the_lock_keys(load, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    board = load(name)
    assert board.counter() == 0
    assert [board.count() for _ in range(3)] == [1, 2, 3]
    board.store_lock(bytes(range(32)))
    board.forget_old_lock()
    assert board.counter() == 3
    if name != "cpython":
        sys.modules["board_common"]._kept = None  # as after a start
        assert board.counter() == 3 and board.count() == 4


def test_a_cpython_terminal_keeps_lock_keys_and_counter_over_a_power_cut():
    machine = CpythonMachine(TerminalSpec(files={}, seed=b"one"))
    machine.board().store_lock(bytes(range(32)))
    machine.board().count()
    machine.boot()  # a boot is counted, too
    machine.power_cut()
    counted = machine.board().counter()
    assert machine.board().load_locks() == [bytes(range(32))] and counted > 1
    assert machine.board().count() == counted + 1


def test_cpython_board_is_a_board_of_its_own_at_every_boot():
    machine = CpythonMachine(TerminalSpec(files={}, seed=b"one"))
    other = CpythonMachine(TerminalSpec(files={}, seed=b"two")).board()
    drawn = []
    for _ in range(2):
        machine.boot()
        drawn += [machine.board().entropy(), machine.board().entropy()[:32]]
        machine.power_cut()
    assert len(drawn[0]) == 32 and drawn[0] != drawn[2] != other.entropy()
    assert machine.board().unique_id() == machine.board().unique_id() != other.unique_id()
    assert machine.board().idle(5) is None and machine.board().ticks_diff(7, 5) == 2


@with_uarts
def test_wires_say_which_uart_leads_where(load, name):
    board = load(name)
    first, second = board.UARTS
    swapped = load(name, {"WIRES": {first: "tuner", second: "modem"}})
    assert swapped.modem().number == second and swapped.tuner_and_output()[0].number == first


@every
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WIRES": {0: "modem"}}, "a tuner among them"),
        ({"WIRES": 3}, "a tuner among them"),
        ({"WIRES": {0: "tuner", 1: "tuner"}}, "each once|there are"),
        ({"WIRES": {0: "tuner", 1: "lamp"}}, "expected one of modem, tuner, network, dock|there are"),
        ({"SERVICES": "call"}, "expected a tuple"),
    ],
)
def test_wires_and_services_that_no_board_knows_are_refused(load, name, settings, said):
    board = load(name, settings)
    with pytest.raises(ValueError, match=said):
        board.modem()


@with_uarts
def test_uarts_have_the_ports_and_rates_of_the_constants(load, name):
    board = load(name, {"TUNER_BAUD": 1_500_000})
    modem = board.modem()
    tuner, output = board.tuner_and_output()
    assert tuner is output  # by UARTs one line
    where = {wire: number for number, wire in board.WIRES.items()}
    assert (modem.number, modem.baud) == (where["modem"], board.MODEM_BAUD)
    assert (tuner.number, tuner.baud) == (where["tuner"], 1_500_000)
    for uart in (modem, tuner):
        tx, rx = board.UARTS[uart.number]
        assert uart.options["timeout"] == uart.options["timeout_char"] == 0  # nothing waits
        pins = [uart.options.get(pin) for pin in ("tx", "rx")]
        # A pyboard's UARTs know their pins; the pins of an RP2040 are objects.
        assert pins in ([None, None], [tx, rx], [("pin", tx), ("pin", rx)])
        assert (pins == [None, None]) == (board.PORT == "stm32")
    assert tuner.options["rxbuf"] >= 188 * 32  # what comes in while a whole batch goes out


@every
def test_one_cable_is_made_once_and_gives_all_lines(load, monkeypatch, name):
    made, slept = [], []

    def usb_cable():
        made.append(SimpleNamespace(modem="m", tuner="t", output="o", console="c", idle=slept.append))
        return made[-1]

    monkeypatch.setitem(sys.modules, "settop.link.cable", SimpleNamespace(usb_cable=usb_cable))
    board = load(name, {"LINK": "cable"})
    assert not made  # importing the board opens nothing
    assert (board.Console(), board.tuner_and_output(), board.modem()) == ("c", ("t", "o"), "m")
    board.idle(7)
    assert len(made) == 1 and slept == [7] and Uart.made == []


@every
def test_a_cable_has_the_networks_channel_where_the_wires_name_one_and_they_may_be_more_than_uarts(
    load, monkeypatch, name
):
    loaded = []
    for module in ("cable", "network"):
        stand_in = SimpleNamespace(usb_cable=lambda module=module: loaded.append(module))
        monkeypatch.setitem(sys.modules, f"settop.link.{module}", stand_in)
    for wires in ({0: "modem", 1: "tuner"}, {0: "modem", 1: "tuner", 2: "network"}):
        load(name, {"LINK": "cable", "WIRES": wires})
        sys.modules["board_common"].cable()
    assert loaded == ["cable", "network"]


@every
def test_the_mode_with_uarts_does_not_load_the_cable(load, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "settop.link.cable", None)  # an import fails
    poll = SimpleNamespace(register=lambda stream, events: None, poll=lambda wait_ms: [])
    monkeypatch.setattr(select, "poll", lambda: poll)
    monkeypatch.setattr(time, "sleep_ms", lambda wait_ms: None, raising=False)
    board = load(name)
    board.Console()
    board.idle(0)
    if name != "unix":
        board.modem()
        board.tuner_and_output()


# --- the host's view ----------------------------------------------------------------------------------------------


@every
def test_profile_says_what_the_board_says(load, name):
    profile, board = load_board(name), load(name)
    assert profile.name == name and profile.port == board.PORT and profile.mpy_arch == ARCHES[name]
    assert (profile.flash_bytes, profile.heap_bytes) == (board.FLASH_BYTES, board.HEAP_BYTES)
    assert (profile.link, profile.storage) == (board.LINK, board.STORAGE)
    own = "-rpi-" + name.replace("_", "-") if name.endswith("_w") else ""  # a radio brings modules along
    assert profile.stubs.startswith(f"micropython-{board.PORT}{own}-stubs==1.25.")
    assert profile.oldest_micropython >= (1, 23, 0)  # the first that loads .mpy files of version 6.3
    assert (profile.image is None) == bool(profile.instead_of_image)


def test_unknown_board_is_refused_with_the_names_that_there_are():
    with pytest.raises(LocalError, match=r"no board 'pico3'; there are .*pico2"):
        load_board("pico3")


@every
def test_a_terminals_files_are_the_package_the_board_and_what_starts_them(name):
    files = load_board(name).whole_files()
    package = {f"lib/settop/{p.relative_to(FIRMWARE / 'settop').as_posix()}" for p in FIRMWARE.glob("settop/**/*.py")}
    own = {f"{stem}.py" for stem in ("main", "boot", "board", "board_common", "board_console")}
    own |= {"board_codec_line.py"} if name == "unix" else {"board_codec.py", "board_network.py"}
    assert files.keys() - package - own <= {
        "board_rp2.py",
        "board_stm32.py",
        "board_ppp.py",
        "board_wlan.py",
        "board_buttons.py",
    }
    assert package | own <= files.keys()
    # Every board module that another one imports is among them.
    for source in (data.decode() for file, data in files.items() if file.startswith("board")):
        for line in source.splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]) and words[1].startswith("board_") and words[1] != "board_config":
                assert f"{words[1]}.py" in files, line


def test_config_becomes_a_file_and_nothing_else_does():
    board = load_board("pico")
    assert (
        board.files({"TUNER_BAUD": 9600, "LINK": "cable"})["board_config.py"] == b"LINK = 'cable'\nTUNER_BAUD = 9600\n"
    )
    assert "board_config.py" not in board.files()
    assert b"TUNER_BAUD = 921600\n" in terminal_files("pico", 921_600)["board_config.py"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"BAUD": 1}, "not BAUD"),
        ({"LINK": "usb"}, "expected uarts or cable"),
        ({"CORES": 3}, "expected 1 or 2"),
        ({"TUNER_BAUD": "fast"}, "expected bits per second"),
        ({"TUNER_BAUD": 0}, "expected bits per second"),
    ],
)
def test_config_that_no_board_knows_is_refused(config, message):
    with pytest.raises(LocalError, match=message):
        board_config(config)


@every
def test_modules_are_compiled_for_the_boards_processor_and_what_starts_stays_source(name):
    profile = load_board(name)
    files = board_files(profile.files({"CORES": 1}), profile.mpy_arch)
    assert {file for file in files if file.endswith(".py")} == set(STAY_SOURCE)
    assert {"board.mpy", "board_config.mpy", "lib/settop/app.mpy"} <= files.keys()
    native = files["lib/settop/ts/kernels_viper.mpy"]
    assert native[:2] == b"M\x06" and native[2] >> 2 == MPY_ARCH_CODES[profile.mpy_arch]


def test_source_that_does_not_compile_is_refused_by_name():
    with pytest.raises(LocalError, match=r"^lib/bad\.py does not compile for xtensawin: line 2: SyntaxError: .*$"):
        compile_module("lib/bad.py", b"x = 1\ndef :\n", "xtensawin")


@every
def test_frozen_bytecode_fits_the_flash_budget(name):
    """The sum of the .mpy files, for this board's processor, of settop, the board's modules and main.py."""
    board = load_board(name)
    for network in (False, True) if board.network_image is not None else (False,):
        size = frozen_size(board, network)
        assert 50_000 < size.bytecode_bytes <= size.budget_bytes
        assert size.fits


def test_a_size_beyond_the_budget_does_not_fit():
    from testbed.boards.sizes import Size

    assert Size(100, 100).fits and not Size(101, 100).fits


# --- pages and shared modules ----------------------------------------------------------------------------------------


@every
def test_wiring_says_which_pin_is_which_line(load, name):
    text = (BOARDS / name / "wiring.md").read_text()
    board = load(name)
    rows = {cells[1].strip(): cells[2] for cells in (line.split("|") for line in text.splitlines()) if len(cells) > 3}
    pins = [pin for pair in (board.UARTS or {}).values() for pin in pair]
    for line, pin in zip(("modem, sent", "modem, received", "decoder", "tuner"), pins, strict=False):
        assert re.search(rf"\b(GP|GPIO)?{pin}\b", rows[line]), line
    assert "```" in text and "One cable" in text and "## Lock key" in text


def test_shared_modules_are_used_by_more_than_one_board():
    uses = [module for name in BOARD_NAMES for module in load_board(name).modules]
    for path in SHARED.glob("*.py"):
        assert uses.count(path.name) > 1, path.name
