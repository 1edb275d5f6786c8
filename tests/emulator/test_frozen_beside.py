"""An image that holds what its services need, and files of others beside it."""

import dataclasses

import pytest
from settop.errors import RemoteError
from testbed.boards import load_board
from testbed.boards.compile import board_files
from testbed.boards.inside import MODULE, STAMP, inside_of
from testbed.boards.package import service_names
from testbed.boards.recipe import ImageRecipe
from testbed.deploy.flash import CONFIG, flash_board, terminal_files
from testbed.deploy.plan import MANIFEST
from testbed.deploy.probe import Found, _inside
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes import RuntimeUnavailable
from testbed.runtimes.find import firmware_image
from testbed.terminals import terminal_spec

from tests.helpers.commands import ringcast
from tests.helpers.pretend_micropython import Pretence, PretendBoard

MS = 1_000_000
PICO = load_board("pico")
BOTH = {"SERVICES": ("call", "titles")}
ROOM = "lib/settop/services/titles/"


def says(services=(), network=False):
    """What an image of today's sources says of itself."""
    return dataclasses.astuple(PICO.inside(network, services))


@pytest.fixture
def board(tmp_path):
    with PretendBoard(tmp_path, Pretence(frozen=True, inside=says())) as pretend:
        yield pretend


def put(board, config, **more):
    """There is no terminal in the pretended image that would say that it is ready."""
    return flash_board(board.port, PICO, config, ready_s=0, **more)


def lacking():
    """What titles want and an image that telephones has not inside, as it goes on the board."""
    return set(board_files(PICO.beside_frozen(PICO.files(BOTH), PICO.inside()), PICO.mpy_arch)) - {
        "boot.py",
        "board_config.mpy",
    }


# --- what is inside -----------------------------------------------------------------------------------------------


def test_an_image_holds_what_the_boards_own_services_need_and_its_modules():
    frozen, files = PICO.frozen_files(), PICO.files()
    settop = {path for path in frozen if path.startswith("settop/")}
    assert settop - {MODULE} == {p.removeprefix("lib/") for p in files if p.startswith("lib/settop/")}
    assert frozen.keys() - settop == {"main.py", *PICO.board_modules()}
    assert frozen[MODULE].startswith(b"SERVICES = ('call',)\nNETWORK = False\nSOURCES = '")


def test_a_further_service_comes_in_with_its_files_and_is_told():
    frozen = PICO.frozen_files(services=("titles",))
    assert "settop/services/titles/service.py" in frozen and "settop/codec/aac.py" in frozen
    assert PICO.image_services(False, ("titles", "call")) == ("call", "titles")
    assert PICO.beside_frozen(PICO.files(BOTH), PICO.inside(False, ("titles",))).keys() == {"boot.py", CONFIG}


def test_the_image_with_a_network_holds_all_services_but_a_portable_players():
    names = PICO.image_services(True)
    assert set(names) == set(service_names()) - {"player"}
    wires = {0: "modem", 1: "tuner", 2: "network"}
    files = PICO.files({"SERVICES": names, "WIRES": wires})
    assert PICO.beside_frozen(files).keys() == {"boot.py", CONFIG}


def test_a_recipe_names_its_services_in_board_toml():
    assert ImageRecipe.of({"micropython_board": "B", "uf2_family": "0x1", "image_bytes": 1}).services == ()
    assert PICO.image.services == () and "titles" in PICO.network_image.services


def test_sources_tell_one_version_of_an_image_from_another():
    frozen = PICO.frozen_files()
    changed = {**frozen, "settop/app.py": frozen["settop/app.py"] + b"\n"}
    board_alone = {**frozen, "board.py": b""}
    first = inside_of(frozen, ("call",), False)
    assert inside_of(changed, ("call",), False).sources != first.sources
    assert inside_of(board_alone, ("call",), False) == first


# --- a flash beside it --------------------------------------------------------------------------------------------


def test_a_service_that_is_not_inside_comes_as_files_and_goes_with_them(board):
    assert put(board, {"CORES": 1}).transferred.keys() == {CONFIG}
    more = put(board, BOTH)
    assert board.files()[STAMP] == says()[2].encode()
    assert set(more.transferred) == lacking() | {CONFIG} and f"{ROOM}service.mpy" in more.transferred
    assert not {path for path in lacking() if not path.startswith("lib/settop/")}
    assert put(board, {"CORES": 1}, keep_config=True).transferred.keys() == {CONFIG}
    less = put(board, {"CORES": 1})
    assert set(less.removed) == lacking() and set(board.files()) == {CONFIG, MANIFEST}


def test_a_service_that_is_inside_gets_no_files(board):
    board.is_.inside = says(("titles",))
    assert put(board, BOTH).transferred.keys() == {CONFIG}
    board.is_.inside = says(network=True)
    config = {"SERVICES": ("call", "network"), "WIRES": {0: "modem", 1: "tuner", 2: "network"}}
    assert put(board, config).transferred.keys() == {CONFIG}


def test_files_of_another_version_do_not_go_beside_an_image(board):
    services, network, sources = says()
    board.is_.inside = services, network, sources[::-1]
    assert put(board, {"CORES": 1}).transferred.keys() == {CONFIG}
    before = board.files()
    with pytest.raises(RemoteError, match=r"of another version .*: put a new image on it \(\./ringcast firmware"):
        put(board, BOTH)
    assert board.files() == before


@pytest.mark.parametrize("said", [5, ("call",), (5, True, "x")])
def test_an_image_that_says_nothing_understood_is_refused(board, said):
    with pytest.raises((TypeError, ValueError)):
        _inside(said)


def test_the_command_says_that_files_may_go_beside_it(board):
    ended = ringcast(
        "flash", "--board", "pico", "--port", board.port, "--service", "call", "--service", "titles", "--dry-run"
    )
    assert ended.status == 0 and "its image has ringcast inside" in ended.out
    assert f"would transfer {len(lacking()) + 1} files" in ended.out


# --- on the emulated Pico -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frozen_image():
    try:
        return firmware_image(PICO)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def run(image, files, until, limit_ms=10_000, say=()):
    """What it says until it has said `until`. say: (after these words, a console line)."""
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"beside", codec=True))
    machine.boot()
    said, lines = b"", list(say)
    try:
        for at_ms in range(10, limit_ms, 10):
            machine.advance(at_ms * MS)
            said += machine.take("console")
            if lines and lines[0][0] in said:
                machine.send("console", lines.pop(0)[1] + b"\r\n")
            if not lines and until in said:
                return said
    finally:
        machine.close()
    raise AssertionError(said)


def flashed(config):
    """The files that a flash would put beside the stock image."""
    said = Found("micropython", (1, 25, 0), "rp2", "Pico", 0, 4096, 1 << 20, True, PICO.inside())
    return terminal_files(PICO, config, found=said)


@pytest.mark.pico
def test_a_service_from_files_starts_beside_the_image(frozen_image):
    files = flashed({**BOTH, "CORES": 1})
    said = run(frozen_image, files, b" status call=idle title=idle", say=[(b" ready board=", b"status")])
    assert b"does not start" not in said and b"error" not in said


@pytest.mark.pico
def test_without_its_files_it_is_reported_and_the_call_goes_on(frozen_image):
    files = {CONFIG: flashed({**BOTH, "CORES": 1})[CONFIG]}
    said = run(frozen_image, files, b" status call=idle portion", say=[(b" ready board=", b"status")])
    assert b"service titles does not start: no module named 'settop.services.titles'" in said


@pytest.mark.pico
@pytest.mark.parametrize("stamp", [None, b"", b"0" * 16, "longer"])
def test_files_of_another_version_are_not_taken_for_the_images(frozen_image, stamp):
    """Such as lie there from before a new image."""
    files = flashed({**BOTH, "CORES": 1})
    if stamp is None:
        del files[STAMP]
    else:
        files[STAMP] = files[STAMP] + b"0" if stamp == "longer" else stamp
    said = run(frozen_image, files, b" status call=idle portion", say=[(b" ready board=", b"status")])
    assert b"service titles does not start: no module named 'settop.services.titles'" in said


LOOK = """
import sys, gc
import settop.registry
from settop.beside import look_in_files
print("looks", look_in_files(), look_in_files())
def load(name):
    before = set(sys.modules)
    parent, _, leaf = name.rpartition(".")
    found = {}
    exec("from %s import %s as it" % (parent, leaf), found)
    assert found["it"] is sys.modules[name] is getattr(sys.modules[parent], leaf), name
    for other in set(sys.modules) - before:
        if sys.modules[other] is not None and len(other.split(".")) > 2:
            above, _, last = other.rpartition(".")
            if hasattr(sys.modules.get(above), last):
                delattr(sys.modules[above], last)
            del sys.modules[other]
    gc.collect()
for name in NAMES:
    load(name)
from settop.wire import console, http as web
from settop.wire.http import *
print("both", console.__file__, web.__file__)
for name in ("settop.wire.none", "settop.none.none", "settop.wire.http.none", "none"):
    try:
        __import__(name)
    except ImportError as error:
        print(error)
print("paths", settop.__path__, sys.modules["settop.wire"].__path__, sys.modules["settop.net"].__path__)
"""


@pytest.mark.pico
def test_every_module_is_found_in_whichever_place_it_is(frozen_image):
    """All that there is beside it, and each imported in turn: those inside come from there."""
    whole = {path: data for path, data in PICO.whole_files().items() if path.startswith("lib/settop/")}
    beside = PICO.beside_frozen(whole, frozen_image.inside)
    names = sorted(
        path.removeprefix("lib/").removesuffix(".py").replace("/", ".")
        for path in whole
        if not path.endswith(("__init__.py", "_plain.py", "/app.py"))
    )
    program = f"NAMES = {names!r}\n{LOOK}"
    files = {**board_files(beside, PICO.mpy_arch), "look.py": program.encode()}
    say = [(b" terminal=", b"\x03"), (b">>> ", b"import look")]
    said = run(frozen_image, files, b"paths", 40_000, say).decode()
    assert "looks True False" in said and "Traceback" not in said.partition("import look")[2], said
    assert "both settop/wire/console.py" in said
    for name in ("settop.wire.none", "settop.none", "settop.wire.http.none", "none"):
        assert f"no module named '{name}'" in said, said
    assert "paths .frozen/settop .frozen/settop/wire /lib/settop/net" in said


@pytest.mark.pico
def test_who_has_all_in_one_place_has_no_hook(image, frozen_image):
    """A terminal in files, and one whose services are all inside."""
    in_files = terminal_spec("pico", 921_600, b"beside").files
    look = b"import sys; print('plain', 'settop.beside' not in sys.modules)"
    for where, files in ((image, in_files), (frozen_image, {})):
        assert b"plain True" in run(where, files, b"plain True", say=[(b" terminal=", b"\x03"), (b">>> ", look)])
