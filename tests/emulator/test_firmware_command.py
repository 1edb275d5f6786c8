"""`ringcast firmware`: the image, its bytes from build to build, and a terminal that has nothing but the image."""

import dataclasses
import hashlib
import os

import pytest
from settop.version import FORMATS, VERSION
from testbed.boards import load_board, profile
from testbed.boards.recipe import ImageRecipe
from testbed.cache import cache_dir, publish
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import FILES_START, files_start, load_uf2, uf2_payload
from testbed.runtimes import RuntimeUnavailable, build, find, pico_image, sources
from testbed.scenario.broadcasts.clip import MIN_BITRATE, make_clip
from testbed.scenario.broadcasts.watching import fully_clear
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import Runtime

from tests.helpers.commands import ringcast

PICO2_FAMILY = 0xE48BFF59  # RP2350, Arm, secure (pico-sdk, uf2_family_ids)
VAULT_START = FILES_START - 4 * 4096


@pytest.fixture(scope="module")
def image():
    try:
        return find.firmware_image(load_board("pico"))
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=[False, True], ids=["stock", "network"])
def either(request):
    """The image without a network, and the one with it."""
    try:
        return find.firmware_image(load_board("pico"), network=request.param)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def bare(image):
    """Terminals on the image with an empty file system."""
    return Runtime("pico", image.origin, lambda spec: PicoMachine(image, dataclasses.replace(spec, files={})))


def until(machine, word, limit_ms):
    said = b""
    start_ns = machine.time_ns
    for after_ms in range(5, limit_ms, 5):
        machine.advance(start_ns + after_ms * 1_000_000)
        said += machine.take("console")
        if word in said:
            return said
    raise AssertionError(f"no {word!r} in {limit_ms} ms: {said!r}")


# --- the terminal in it -------------------------------------------------------------------------------------------


@pytest.mark.pico
def test_image_boots_with_no_files_beside_it_and_is_ready_within_a_second(either):
    machine = PicoMachine(either, TerminalSpec(files={}, seed=b"bare"))
    machine.boot()
    try:
        said = until(machine, b"unprovisioned\r\n", 1000)
        assert b" ready board=pico version=%s formats=%d boot=0 " % (VERSION.encode(), FORMATS) in said
        machine.send("console", b"\x03")
        assert b"KeyboardInterrupt" in until(machine, b">>> ", 2000)  # the prompt is still to be had
    finally:
        machine.close()


@pytest.mark.long
@pytest.mark.pico
def test_image_with_nothing_beside_it_is_provisioned_and_plays_a_call(either, tmp_path):
    clip = tmp_path / "clip.ts"
    make_clip(clip, 7, MIN_BITRATE)
    plan = CallPlan(
        input=clip,
        portion_seconds=1.0,
        line=LinePlan(setup_ms=100),
        actions=(ActionPlan(0.2, "T1", "call"), ActionPlan(4.3, "T1", "hang_up")),
    )
    run = run_plan(plan, bare(either), tmp_path / "run")
    (terminal,) = run.terminals
    assert terminal.station.machine.spec.files == {}
    assert terminal.station.chatter == []  # no traceback
    portions = terminal.analysis.portions
    assert [p.index for p in portions if fully_clear(p)] == [3, 4]
    assert {p.index for p in portions if p.clear_packets} <= {2, 3, 4}
    assert all(check.passed for check in demo_checks(run))
    # The lock key lies where no file reaches it, and the image ends before it.
    flash = bytes(terminal.station.machine.flash)
    start = files_start(flash)
    assert flash[start - 4096 : start - 4088] == b"RCLK2\0\0\0"
    assert set(load_uf2(either.path)[start - 4 * 4096 : start]) == {0xFF}


@pytest.mark.pico
def test_board_config_on_the_file_system_still_counts(image):
    spec = TerminalSpec(files={"board_config.py": b"TUNER_BAUD = 'ringcast'\n"}, seed=b"bare")
    machine = PicoMachine(image, spec)
    machine.boot()
    try:
        assert b"ValueError: board_config.py: TUNER_BAUD" in until(machine, b">>> ", 2000)
    finally:
        machine.close()


# --- the bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.pico
@pytest.mark.soak
def test_a_second_build_in_another_folder_gives_the_same_bytes(image, tmp_path):
    """A minute or two: MicroPython is built once more. (The first build is the fixture's, or an earlier run's.)"""
    board = load_board("pico")
    target = tmp_path / "again.uf2"
    try:
        build.build_firmware(target, board.image, shuffled(board.image_sources()), board.manifest, lambda line: None)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (image.path, target)]
    assert digests[0] == digests[1]


def shuffled(files):
    """In another order, which another file system might list them in."""
    return dict(sorted(files.items(), key=lambda item: hashlib.sha256(item[0].encode()).digest()))


@pytest.mark.pico
def test_frozen_modules_take_no_more_flash_than_the_board_has_for_them(image):
    """The real size: the image less the one without our modules."""
    try:
        stock = pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    sizes = [sum(len(part) for _, part in uf2_payload(i.path.read_bytes())) for i in (image, stock)]
    board = load_board("pico")
    assert 50_000 < sizes[0] - sizes[1] <= board.flash_bytes
    assert sizes[1] + board.flash_bytes <= board.image.image_bytes == VAULT_START  # the budget is really there


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Builds that give this project's fake images; the list says what was built."""
    monkeypatch.setenv("RINGCAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "versions", lambda: {"micropython": "1"})
    monkeypatch.setattr(sources, "fetch", lambda progress: sources.folder())
    monkeypatch.setattr(sources, "lwip_version", lambda: "lwip_1")
    monkeypatch.setattr(sources, "fetch_lwip", lambda progress: sources.lwip_folder())
    calls = []

    def make(target, recipe, project, manifest, progress, kept):
        calls.append((recipe, sorted(project), manifest))
        publish(target, block(0x10000000, int(recipe.uf2_family, 16)))

    monkeypatch.setattr(build, "build_firmware", make)
    monkeypatch.chdir(tmp_path)
    return calls


def block(address, family):
    words = (0x0A324655, 0x9E5D5157, 0x2000, address, 256, 0, 1, family)
    return b"".join(w.to_bytes(4, "little") for w in words) + bytes(476) + (0x0AB16F30).to_bytes(4, "little")


def test_image_is_written_and_what_to_do_with_it_said(made, tmp_path):
    ended = ringcast("firmware", "--board", "pico", "--out", tmp_path / "deep" / "mine.uf2")
    said = ended.out
    assert ended.status == 0 and ended.err == ""
    data = (tmp_path / "deep" / "mine.uf2").read_bytes()
    assert hashlib.sha256(data).hexdigest() in said
    assert "512 bytes" in said and "256 of 638,976 bytes" in said and "BOOTSEL" in said and "RPI-RP2" in said
    ended = ringcast("firmware", "--board", "pico2")
    assert (tmp_path / "ringcast-pico2.uf2").read_bytes()[28:32] == PICO2_FAMILY.to_bytes(4, "little")
    assert "RP2350" in ended.out
    assert [(recipe.micropython_board, manifest) for recipe, _, manifest in made] == [
        ("RPI_PICO", "boards/pico/manifest.py"),
        ("RPI_PICO2", "boards/pico2/manifest.py"),
    ]


def test_image_with_a_network_is_another_file_from_another_definition(made, tmp_path):
    ended = ringcast("firmware", "--board", "pico", "--network")
    assert ended.status == 0 and "256 of 1,032,192 bytes" in ended.out
    assert (tmp_path / "ringcast-pico-network.uf2").is_file() and not (tmp_path / "ringcast-pico.uf2").exists()
    ((recipe, project, manifest),) = made
    assert recipe.definition == "boards/pico/network_image" and manifest == "boards/pico/manifest.py"
    assert {f"{recipe.definition}/{name}" for name in ("mpconfigboard.h", "mpconfigboard.cmake", "uplink.c")} <= set(
        project
    )
    ringcast("firmware", "--board", "pico")
    assert not [name for name in made[1][1] if "network_image" in name]


def test_an_image_has_the_files_of_its_services_inside_and_says_which(made):
    ended = ringcast("firmware", "--board", "pico")
    assert "inside  call\n" in ended.out and " of the board's 262,144 bytes for frozen bytecode (" in ended.out
    more = ringcast("firmware", "--board", "pico", "--service", "titles", "--out", "more.uf2")
    assert "inside  call, titles\n" in more.out
    ringcast("firmware", "--board", "pico", "--network")
    (_, lean, _), (_, with_titles, _), (_, with_network, _) = made
    titles, fetch = "firmware/settop/services/titles/service.py", "firmware/settop/services/network/service.py"
    assert titles not in lean and {titles, "firmware/settop/codec/aac.py"} <= set(with_titles)
    assert fetch not in with_titles and {titles, fetch} <= set(with_network)
    assert all("firmware/settop/inside.py" in project for _, project, _ in made)
    said = [frozen_share(ended.out) for ended in (ended, more)]
    assert said[0] < said[1] < 100


def frozen_share(said):
    """In percent, of the room for frozen bytecode."""
    return int(said.partition("for frozen bytecode (")[2].split()[0])


def test_a_service_that_there_is_not_is_refused_before_anything_is_built(made):
    ended = ringcast("firmware", "--board", "pico", "--service", "cinema")
    assert ended.status == 1 and "no service 'cinema'; there are call" in ended.complaint
    assert made == []


@pytest.mark.parametrize("what", ["uplink.c", "lwIP"])
def test_what_only_the_network_needs_changes_its_image_and_no_other(made, monkeypatch, what):
    ringcast("firmware", "--board", "pico")
    ringcast("firmware", "--board", "pico", "--network")
    if what == "lwIP":
        monkeypatch.setattr(sources, "lwip_version", lambda: "lwip_2")
    else:
        monkeypatch.setattr(profile, "definition_files", lambda recipe: {"uplink.c": b""} if recipe.definition else {})
    ringcast("firmware", "--board", "pico")
    ringcast("firmware", "--board", "pico", "--network")
    assert [bool(recipe.definition) for recipe, _, _ in made] == [False, True, True]


@pytest.mark.parametrize(
    ("board", "words"), [("pico2", "no image with a network can be built for pico2"), ("esp32", "ESP-IDF")]
)
def test_board_without_an_image_with_a_network_is_refused(made, board, words):
    ended = ringcast("firmware", "--board", board, "--network")
    assert ended.status == 1 and words in ended.complaint and made == []


def test_image_is_built_from_a_snapshot_of_firmware_and_board_and_then_cached(made, tmp_path, monkeypatch):
    ringcast("firmware", "--board", "pico")
    ringcast("firmware", "--board", "pico")
    ((_, project, _),) = made
    assert {"firmware/main.py", "firmware/manifest.py", "firmware/settop/app.py", "boards/pico/board.py"} <= set(
        project
    )
    assert {"boards/pico/manifest.py", "boards/shared/board_rp2.py"} <= set(project)
    assert not [name for name in project if "pico_w" in name or "__pycache__" in name]
    board = load_board("pico")
    changed = {**board.image_sources(), "boards/pico/manifest.py": b"another"}
    monkeypatch.setattr(type(board), "image_sources", lambda self, *_: changed)
    ringcast("firmware", "--board", "pico")
    assert len(made) == 2


@pytest.mark.parametrize(
    ("board", "words"),
    [
        ("pico_w", ("cyw43", "./ringcast flash --board pico_w", "FROZEN_MANIFEST=boards/pico_w/manifest.py")),
        ("esp32", ("ESP-IDF", "./ringcast flash --board esp32")),
        ("pyboard", ("stm32lib", "FROZEN_MANIFEST=boards/pyboard/manifest.py")),
        ("unix", ("program",)),
        ("pico3", ("no board 'pico3'; there are",)),
    ],
)
def test_board_that_nothing_can_be_built_for_is_refused_with_what_to_do(made, board, words):
    ended = ringcast("firmware", "--board", board)
    said = ended.err
    assert ended.status == 1 and said.count("\n") == 1 and said.startswith("ringcast firmware: ")
    assert all(word in said for word in words)
    assert made == []


def test_folder_in_place_of_a_file_is_refused_before_anything_is_built(made, tmp_path):
    ended = ringcast("firmware", "--board", "pico", "--out", tmp_path)
    assert ended.status == 1 and "is a folder: name the file" in ended.complaint
    assert made == []


def test_place_that_cannot_be_written_is_refused_before_anything_is_built(made, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    ended = ringcast("firmware", "--board", "pico", "--out", tmp_path / "file" / "image.uf2")
    assert ended.status == 1 and str(tmp_path / "file") in ended.complaint
    assert made == []


def test_settop_that_outgrows_the_budget_is_refused(made, monkeypatch):
    board = load_board("pico")
    small = dataclasses.replace(board, constants={**board.constants, "FLASH_BYTES": 1000})
    monkeypatch.setattr("testbed.boards.load_board", lambda name: small)
    ended = ringcast("firmware", "--board", "pico")
    assert ended.status == 1 and "pico has 1,000 for it" in ended.complaint
    assert made == []


def test_image_that_reaches_the_lock_keys_block_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGCAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build.toolchain, "find", lambda kind, progress: build.toolchain.Toolchain("installed"))
    for name in ("micropython/ports/rp2", "micropython/lib", "mbedtls", "pico-sdk", "tinyusb"):
        (sources.folder() / name).mkdir(parents=True)
    monkeypatch.setattr(sources, "fetch", lambda progress: sources.folder())
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("make", "exit 0\n"), ("arm-none-eabi-objcopy", 'head -c 5000 /dev/zero > "$4"\n')):
        (tools / name).write_text("#!/bin/sh\n" + text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    target = cache_dir() / "images" / "x.uf2"
    with pytest.raises(RuntimeUnavailable, match="the image has 5000 bytes and the flash 4096 for it"):
        build.build_firmware(target, ImageRecipe("B", "0x1", 4096), {"m.py": b""}, "m.py", lambda line: None)
    assert not target.exists()
