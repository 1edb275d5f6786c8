"""A board gets the files that its services need, and no more."""

import ast
import re
import time

import pytest
from testbed.boards import BOARD_NAMES, load_board
from testbed.boards.compile import board_files
from testbed.boards.needs import needed
from testbed.boards.package import service_names
from testbed.boards.profile import BOARDS, FIRMWARE
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, unix_binary
from testbed.systems.registry import SYSTEMS, find_system
from testbed.terminals import terminal_files

MS = 1_000_000
PICO = load_board("pico")
CABLE_AND_NETWORK = {0: "modem", 1: "tuner", 2: "network"}
SETTINGS = [
    {"SERVICES": services, **({"WIRES": CABLE_AND_NETWORK} if "network" in services else {})}
    for services in (
        (),
        ("call",),
        ("updates", "call"),
        ("titles",),
        ("call", "titles"),
        ("network",),
        ("call", "network"),
        ("network", "titles"),
        ("updates", "call", "network", "titles"),
    )
]
settings = pytest.mark.parametrize("config", SETTINGS, ids=lambda config: "-".join(config["SERVICES"]) or "none")
every = pytest.mark.parametrize("name", BOARD_NAMES)

IMPORT = re.compile(r"^\s*(?:from ([\w.]+) import \(?([\w ,]*)|import ([\w.]+))", re.M)
NAMED = re.compile(r"""["'](settop(?:\.\w+)+)["']""")


def modules(files):
    """{module: source} of files on a board."""
    names = {path: path.removeprefix("lib/").removesuffix(".py").removesuffix("/__init__") for path in files}
    return {name.replace("/", "."): files[path].decode() for path, name in names.items() if path.endswith(".py")}


def asked(source):
    """What a module's lines import, read in another way than `needed` does."""
    for module, names, plain in IMPORT.findall(source):
        yield from [plain] if plain else [module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))]


# --- what is among them -------------------------------------------------------------------------------------------


@settings
@every
def test_whatever_a_boards_files_import_is_among_them(name, config):
    board = load_board(name)
    whole, has = modules(board.whole_files()), modules(board.files(config))
    without = set()
    if "WIRES" not in config:
        without.add("settop.link.network")  # board_common imports it where WIRES name a network
    for module in ("board_buttons", "board_codec", "board_codec_line", "board_network"):
        without |= {module} - has.keys()  # board.py imports it for who asks
    for module, source in has.items():
        assert {word for word in asked(source) if word in whole} - without <= has.keys(), module


@settings
def test_whatever_they_name_in_words_is_among_them_too(config):
    whole, has = modules(PICO.whole_files()), modules(PICO.files(config))
    for module, source in has.items():
        named = set(NAMED.findall(source))
        assert named <= whole.keys() and named <= has.keys(), module


def test_the_words_that_are_loaded_by_a_table_count_from_there_alone():
    has = modules(PICO.files({"SERVICES": ("titles",)}))
    assert {"settop.codec.aac", "settop.codec.adpcm", "settop.codec.pcm"} <= has.keys()
    assert {"settop.keystore.relock", "settop.wire.provision"} <= modules(PICO.files({"SERVICES": ()})).keys()


def test_who_imports_what_a_variable_names_is_known():
    """A new one must be known to `testbed.boards.needs`: what it loads is imported by no line."""
    loaders, runners = set(), set()
    for path in (*FIRMWARE.glob("**/*.py"), *BOARDS.glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("__import__", "import_module") and not isinstance(node.args[0], ast.Constant):
                loaders.add(path.name)
            if name in ("exec", "eval", "execfile"):
                runners.add(path.name)
    assert loaders == {"registry.py", "units.py", "board_network.py", "loading.py"}
    assert runners == {"loading.py"}  # what came as an update, which no image and no flash brings


@settings
@every
def test_each_service_that_is_named_is_there_with_its_package(name, config):
    files = load_board(name).files(config)
    for service in config["SERVICES"]:
        folder = f"lib/settop/services/{service}"
        assert {f"{folder}/service.py", f"{folder}/__init__.py", "lib/settop/services/__init__.py"} <= files.keys()


def test_what_lies_on_the_wires_and_what_link_there_is_decide_too():
    on_cable = {"SERVICES": ("call",), "WIRES": CABLE_AND_NETWORK}
    assert "lib/settop/link/network.py" in PICO.files(on_cable)
    assert "lib/settop/link/network.py" not in PICO.files()
    online = {"SERVICES": ("network",)}
    for name, link in (("pico", "board_ppp.py"), ("pico_w", "board_wlan.py")):
        assert link in load_board(name).files(online) and link not in load_board(name).files()
    assert (
        "board_network.py" in load_board("unix").files(online)
        or "board_network.py" not in load_board("unix").board_modules()
    )


def test_the_decoder_chips_lines_come_with_who_plays():
    for name, module in (("pico", "board_codec.py"), ("unix", "board_codec_line.py")):
        board = load_board(name)
        assert module in board.files({"SERVICES": ("titles",)}) and module not in board.files()


def test_further_files_bring_what_they_import_and_may_stand_for_ours():
    reader = b"from settop.titles.tenth import TenthReader\n"
    assert "lib/settop/titles/tenth.py" not in PICO.files()
    files = PICO.files(None, {"mine.py": reader, "film": b"data"})
    assert files["mine.py"] == reader and files["film"] == b"data"
    assert {"lib/settop/titles/tenth.py", "lib/settop/titles/tenth_kernels_viper.py"} <= files.keys()
    clock = PICO.files(None, {"lib/settop/clock.py": reader})
    assert clock["lib/settop/clock.py"] == reader and "lib/settop/titles/tenth.py" in clock
    other = PICO.whole_files()["board.py"].replace(b'("call",)', b'("titles",)')
    assert "lib/settop/services/titles/service.py" in PICO.files(None, {"board.py": other})


@pytest.mark.parametrize("services", ["call", None, 5, ("call", 5), ("none_of_ours",)])
def test_services_that_are_none_bring_nothing_and_the_terminal_says_so(services):
    sources = PICO.whole_files()
    board = sources["board.py"].replace(b'("call",)', repr(services).encode())
    files = PICO.files(None, {"board.py": board})
    assert "lib/settop/app.py" in files
    assert ("lib/settop/services/call/service.py" in files) == (services == ("call", 5))


def test_a_fault_in_one_source_is_told_as_the_compiler_does():
    with pytest.raises(SyntaxError):
        needed({"main.py": b"import (\n"}, (), False, None)


# --- and no more --------------------------------------------------------------------------------------------------


def test_a_board_that_only_telephones_has_no_other_systems_rooms():
    files = PICO.files()
    rooms = {"/".join(path.split("/")[2:-1]) for path in files if path.startswith("lib/settop/")}
    assert rooms == {
        "", "crypto", "keystore", "link", "modem", "player", "services", "services/call", "ts", "wire",
    }  # fmt: skip
    assert not {"board_codec.py", "board_network.py", "board_ppp.py"} & files.keys()
    wire = {path.split("/")[-1] for path in files if "/wire/" in path}
    assert not {"dns.py", "http.py", "licence.py", "tenth.py", "update.py"} & wire


def test_no_service_brings_another():
    for name in service_names():
        files = PICO.files({"SERVICES": (name,)})
        others = {
            path.split("/")[3] for path in files if path.startswith("lib/settop/services/") and path.count("/") > 3
        }
        assert others == {name}


def test_half_of_what_there_is_telephones():
    sizes = [sum(map(len, board_files(files, PICO.mpy_arch).values())) for files in (PICO.files(), PICO.whole_files())]
    assert sizes[0] < sizes[1] * 0.55


def test_every_system_has_the_services_that_it_starts_with():
    for system in map(find_system, SYSTEMS):
        files = terminal_files("pico", 921_600, system.services)
        assert {f"lib/settop/services/{name}/service.py" for name in system.services} <= files.keys()


# --- and they run -------------------------------------------------------------------------------------------------


def started(machine, services, limit_ms, turn_ms):
    """What it says until it is ready and has said its status."""
    machine.boot()
    said, start_ns, sent = b"", machine.time_ns if machine.virtual else time.monotonic_ns(), False
    try:
        for after_ms in range(turn_ms, limit_ms, turn_ms):
            machine.advance(start_ns + after_ms * MS)
            said += machine.take("console")
            if b" ready board=" in said and not sent:
                machine.send("console", b"status\r\n")
                sent = True
            if b" status " in said:
                break
    finally:
        machine.close()
    assert b" status " in said, said
    assert b"does not start" not in said and b"has stopped" not in said and b"Traceback" not in said, said
    return said


@pytest.mark.unix
@settings
def test_a_terminal_on_unix_starts_with_no_other_files(config):
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    services = config["SERVICES"]
    unix = load_board("unix")
    files = board_files(unix.files(config), unix.mpy_arch)  # as any board has them: compiling takes more than running
    started(
        UnixMachine(binary, TerminalSpec(files=files, services=services, codec="titles" in services)),
        services,
        10_000,
        20,
    )


@pytest.mark.unix
def test_a_service_without_its_files_is_reported_on_unix():
    """So that the tests above would see one that is missing."""
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    files = {**load_board("unix").files(), "board_config.py": b"SERVICES = ('call', 'titles')\n"}
    with pytest.raises(AssertionError, match="service titles does not start"):
        started(UnixMachine(binary, TerminalSpec(files=files)), ("call", "titles"), 10_000, 20)


@pytest.mark.pico
@pytest.mark.parametrize("services", [("call",), ("updates", "call"), ("titles",)], ids="-".join)
def test_a_pico_starts_with_no_other_files(image, services):
    files = PICO.files({"SERVICES": services, "CORES": 1})
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"lean", codec="titles" in services))
    started(machine, services, 5_000, 10)
