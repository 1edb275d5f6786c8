"""The Pico's images with a network: their bytes, what is in them, `uplink`, and the keystore on another layout."""

import pytest
from testbed.boards.profile import definition_files
from testbed.machines.pico_flash import BLOCK_BYTES, FLASH_BYTES, files_start, load_uf2, uf2_payload
from testbed.runtimes import build

from tests.helpers.network_bench import BRING_UP, PICO, Bench

pytestmark = pytest.mark.pico

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def image(network_image):
    return network_image


@pytest.fixture(scope="module")
def frozen(frozen_network_image):
    return frozen_network_image


# --- the images ---------------------------------------------------------------------------------------------------


def test_images_leave_the_keystores_blocks_and_the_last_mib_alone(image, frozen):
    for each in (image, frozen):
        flash = load_uf2(each.path)
        assert files_start(flash) == FLASH_BYTES - MIB
        assert set(flash[PICO.network_image.image_bytes :]) == {0xFF}
    assert PICO.network_image.image_bytes == FLASH_BYTES - MIB - 4 * BLOCK_BYTES


def test_frozen_image_has_room_for_three_systems_more(frozen):
    size = sum(len(part) for _, part in uf2_payload(frozen.path.read_bytes()))
    assert size + 130_000 <= PICO.network_image.image_bytes


@pytest.mark.soak
def test_a_second_build_gives_the_same_bytes(image, tmp_path):
    """A minute or two: MicroPython is built once more."""
    recipe, target = PICO.network_image, tmp_path / "again.uf2"
    build.build_network(target, recipe, definition_files(recipe), lambda line: None)
    assert target.read_bytes() == image.path.read_bytes()


def test_sockets_and_tls_are_in_it_and_what_nobody_uses_is_not(image):
    program = """
import network, socket, tls, uplink
print(socket.IP_ADD_MEMBERSHIP, tls.PROTOCOL_TLS_CLIENT, network.PPP, uplink.Line)
for name in ("websocket", "webrepl", "_webrepl"):
    try:
        __import__(name)
        print("there:", name)
    except ImportError:
        pass
print("end")
"""
    assert "there:" not in Bench(image, program).run("end\r\n")


# --- uplink -------------------------------------------------------------------------------------------------------


def test_a_line_takes_what_has_room_as_a_whole_or_not_at_all_and_never_waits(image):
    program = """
import machine, time, uplink
uart = machine.UART(0, 9600, txbuf=64, rxbuf=64)
line = uplink.Line(uart, 9600, 64)
began = time.ticks_us()
print("took", line.write(b"x" * 65), line.write(b"a" * 64), line.write(b"b"), line.readinto(bytearray(9)))
print("at once", time.ticks_diff(time.ticks_us(), began) < 3000)
time.sleep_ms(40)
print("later", line.write(b"c" * 32), line.write(b"d" * 10))
for wrong in ((uart, 0, 64), (uart, 9600, 0), (1, 9600, 64)):
    try:
        uplink.Line(*wrong)
    except (ValueError, OSError):
        print("refused")
time.sleep_ms(60)
print("end")
"""
    bench = Bench(image, program, wires=("modem", "tuner"), baud_modem=9600)
    lines = bench.run("end\r\n").splitlines()
    assert lines[:6] == ["took None 64 None None", "at once True", "later 32 None", *["refused"] * 3]
    assert bench.machine.take("modem") == b"a" * 64 + b"c" * 32


def test_a_pipe_keeps_octets_in_order_and_refuses_what_has_no_room(image):
    program = """
import uplink
pipe = uplink.Pipe(64)
view = memoryview(bytearray(100))
print("empty", pipe.readinto(view), pipe.take(view))
print("took", pipe.write(b"x" * 65), pipe.write(b"a" * 60), pipe.write(b"b" * 5), pipe.put(b"c" * 70))
good = bytes(view[: pipe.take(view)]) == b"a" * 60 and bytes(view[: pipe.readinto(view)]) == b"c" * 64
sent = got = 0
for size in range(1, 64):
    octets = bytes((sent + i) % 251 for i in range(size))
    for give, get in ((pipe.put, pipe.readinto), (pipe.write, pipe.take)):
        good = good and give(octets) == size and get(view) == size and bytes(view[:size]) == octets
    sent += size
print("good", good)
for wrong in (0, -8, 48):
    try:
        uplink.Pipe(wrong)
    except ValueError:
        print("refused")
print("end")
"""
    bench = Bench(image, program, wires=("modem", "tuner"))
    lines = bench.run("end\r\n").splitlines()
    assert lines[:6] == ["empty None 0", "took None 60 None 64", "good True", *["refused"] * 3]


def test_lwip_goes_on_after_an_error_under_its_lock(image):
    program = (
        BRING_UP
        + """
import uplink
for _ in range(3):
    try:
        uplink.locked(lambda: 1 // 0)
    except ZeroDivisionError:
        pass
print(uplink.locked(lambda: uplink.locked(lambda: "twice")))
fired = []
t = __import__("machine").Timer(period=5, callback=fired.append)
turn(20)
t.deinit()
print("fired", len(fired) > 1, "end")
"""
    )
    said = Bench(image, program).run("end\r\n")
    assert "twice" in said and "fired True" in said


# --- the terminal in it -------------------------------------------------------------------------------------------


def test_frozen_image_is_ready_and_its_keystore_lies_below_its_file_system(frozen):
    bench = Bench(frozen, wires=("modem", "tuner"))
    assert " ready board=pico " in bench.run("terminal=unprovisioned\r\n")
    bench.machine.send("console", b"\x03")
    bench.run(">>> ")
    for line in (b"import board", b"board.store_lock(bytes(range(32)))", b"print(board.count(), 'stored')"):
        bench.machine.send("console", line + b"\r\n")
    bench.run("1 stored\r\n", 5000)
    start = FLASH_BYTES - MIB
    vault = bytes(bench.machine.flash[start - 4 * BLOCK_BYTES : start])
    assert vault[3 * BLOCK_BYTES :].startswith(b"RCLK2")
    bench.machine.power_cut()
    bench.said = ""
    bench.machine.boot()
    bench.run(" ready ")
    bench.machine.send("console", b"\x03")
    bench.run(">>> ")
    bench.machine.send("console", b"import board; print(board.load_locks()[0] == bytes(range(32)), 'kept')\r\n")
    bench.run("True kept\r\n", 5000)
