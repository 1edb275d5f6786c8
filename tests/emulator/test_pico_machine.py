"""The emulated Pico: its lines, its clock, its flash, its identity. Virtual time throughout."""

import random

import pytest
from littlefs import LittleFS
from settop.errors import LocalError, RemoteError
from testbed.boards import load_board
from testbed.boards.package import package_files
from testbed.machines.base import Machine, MachineError, TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_chip import Entropy
from testbed.machines.pico_flash import (
    BLOCK_BYTES,
    FILES_BYTES,
    FLASH_BASE,
    FLASH_BYTES,
    board_files,
    compile_module,
    files_image,
    read_uf2,
)
from testbed.machines.pico_usb import UsbConsole

MS = 1_000_000
HELLO = b"""
import machine, os
print("id", machine.unique_id().hex(), "random", os.urandom(8).hex())
"""
ECHO = b"""
import machine, select
modem = machine.UART(0, 115200, rxbuf=512)
tuner = machine.UART(1, 921600, rxbuf=4096, txbuf=4096)
modem.write(b"READY")
poll = select.poll()
poll.register(modem, select.POLLIN)
poll.register(tuner, select.POLLIN)
buffer = memoryview(bytearray(1024))
while True:
    for uart, _ in poll.ipoll(1000):
        n = uart.readinto(buffer[: min(1024, uart.any())])
        if n and uart is modem and buffer[0] == 33:
            machine.reset()
        if n:
            uart.write(buffer[:n])
"""


@pytest.fixture
def make(image):
    def build(main, seed=b"one", boot=True, usb_host="reads", **options):
        files = {"main.py": main, **options.pop("files", {})}
        machine = PicoMachine(image, TerminalSpec(files=files, seed=seed, **options), usb_host=usb_host)
        if boot:
            machine.boot()
        return machine

    return build


def until(machine, line, text, limit_ms=500):
    """What a line says up to and with `text`."""
    got = b""
    start_ns = machine.time_ns
    while text not in got:
        assert machine.time_ns < start_ns + limit_ms * MS, f"{got!r} after {limit_ms} ms"
        machine.advance(machine._now_ns + MS)
        got += machine.take(line)
    return got


@pytest.mark.pico
def test_is_a_machine(make):
    assert isinstance(make(b"", boot=False), Machine)


@pytest.mark.pico
def test_firmware_is_up_within_50_simulated_ms(make):
    machine = make(ECHO)
    until(machine, "modem", b"READY", limit_ms=50)
    assert machine.cycles == pytest.approx(machine.time_ns // 8, abs=10)


@pytest.mark.pico
def test_every_board_has_an_identity_and_entropy_of_its_own(make):
    said = {until(make(HELLO, seed=seed), "console", b"\r\n") for seed in (b"one", b"two", b"one")}
    assert len(said) == 2
    ids = {line.split()[1] for line in said}
    assert len(ids) == 2 and b"f" * 16 not in ids


@pytest.mark.pico
def test_entropy_differs_from_boot_to_boot_and_the_identity_stays(make):
    machine = make(HELLO + b"import time\ntime.sleep_ms(40)\nmachine.reset()")
    words = [until(machine, "console", b"\r\n").split() for _ in range(3)]
    assert len({word[3] for word in words}) == 3
    assert {word[1] for word in words} == {machine.unique_id.hex().encode()}
    assert machine.boots >= 3


@pytest.mark.pico
def test_same_inputs_at_the_same_instants_give_the_same_run(make):
    def run():
        machine, noise, trace = make(ECHO), random.Random(7), []
        for step in range(1, 400):
            machine.advance(step * 250_000)
            if step % 8 == 0:
                machine.send("tuner", noise.randbytes(noise.randrange(150)))
                machine.send("modem", noise.randbytes(2).replace(b"!", b"."))
            trace.append((machine.time_ns, machine.take("modem"), machine.take("output"), machine.take("console")))
        return trace, machine.ram(), machine.cycles

    assert run() == run()


@pytest.mark.pico
def test_step_size_does_not_change_what_is_said(make):
    def run(step_ns):
        machine, said = make(ECHO), b""
        until(machine, "modem", b"READY")
        machine.advance(100 * MS)
        machine.send("tuner", bytes(range(200)))
        for now_ns in range(100 * MS + step_ns, 120 * MS + 1, step_ns):
            machine.advance(now_ns)
            said += machine.take("output")
        return said

    assert run(20 * MS) == run(MS // 2) == bytes(range(200))


@pytest.mark.pico
def test_tuner_carries_92_kilobytes_a_second_both_ways_without_loss(make):
    machine = make(ECHO)
    until(machine, "modem", b"READY")
    data, out, now_ns = random.Random(1).randbytes(92 * 200), b"", machine._now_ns
    for at in range(0, len(data), 92):
        machine.send("tuner", data[at : at + 92])
        machine.advance(now_ns := now_ns + MS)
        out += machine.take("output")
    machine.advance(now_ns + 20 * MS)
    assert out + machine.take("output") == data
    assert machine.uart1.overrun == machine.uart1.unread == machine.uart1.garbled == 0


@pytest.mark.pico
def test_a_byte_takes_its_time_on_the_line(make):
    machine = make(
        b"import machine\nu = machine.UART(1, 1200)\nwhile True: u.write(u.read(u.any()) or b'')",
        baud_tuner=1200,
    )
    machine.advance(100 * MS)
    machine.send("tuner", b"x")
    machine.advance(108 * MS)
    assert machine.uart1.queued == 1  # a character of 1,200 bit/s takes 8.33 ms
    machine.advance(109 * MS)
    assert machine.uart1.queued == 0
    machine.advance(116 * MS)
    assert machine.take("output") == b""
    machine.advance(120 * MS)
    assert machine.take("output") == b"x"


@pytest.mark.pico
def test_full_fifo_loses_bytes_and_counts_them(make):
    machine = make(b"import machine\nu = machine.UART(1, 921600, rxbuf=64)\nmachine.disable_irq()\nwhile True: pass")
    machine.advance(100 * MS)
    machine.send("tuner", bytes(100))
    machine.advance(110 * MS)
    assert machine.uart1.overrun == 100 - 32


@pytest.mark.pico
def test_wrong_baud_carries_nothing(make):
    machine = make(b"import machine\nu = machine.UART(0, 9600)\nu.write(b'hello')\nwhile True: print(u.read(1))")
    machine.send("modem", b"x")
    machine.advance(100 * MS)
    machine.send("modem", b"abc")
    machine.advance(200 * MS)
    assert machine.take("modem") == b"" and machine.uart0.garbled == 5 and machine.uart0.unread == 4


@pytest.mark.pico
def test_console_is_a_repl_when_main_has_ended(make):
    machine = make(b"")
    until(machine, "console", b">>> ")
    machine.send("console", b"print(6 * 7, '" + b"-" * 200 + b"')\r\n")
    assert b"42 " + b"-" * 200 in until(machine, "console", b"\r\n>>> ")


@pytest.mark.pico
def test_console_carries_lines_at_any_distance(make):
    """The USB driver keeps a packet that comes up right before a start of frame until that has come."""
    machine = make(
        b"import time\ntime.sleep_ms(100)\nfor us in range(0, 1200, 30):\n    print(us)\n    time.sleep_us(us)\n"
        b"print('end')"
    )
    lines = [b"%d" % us for us in range(0, 1200, 30)] + [b"end"]
    assert until(machine, "console", b"end\r\n").split()[: len(lines)] == lines


@pytest.mark.pico
def test_console_carries_lines_after_a_reset_as_before(make):
    machine = make(b"import time\ntime.sleep_ms(100)\nfor _ in range(9):\n    print('x')\n    time.sleep_us(950)")
    until(machine, "console", b"x\r\n" * 9)
    machine.reboot()
    until(machine, "console", b"x\r\n" * 9)


@pytest.mark.pico
@pytest.mark.parametrize("period_ms", (7, 21, 25))
def test_a_port_that_is_closed_and_opened_while_the_firmware_computes_is_there_afterwards(make, period_ms):
    """MicroPython answers a control transfer between two bytecodes, and an answer is fetched late while nobody reads;
    another transfer before that would be the host's fault, and the chip's USB driver panics."""
    machine = make(
        b"import hashlib, time\ntime.sleep_ms(100)\nlong = bytes(20000)\nprint('busy')\n"
        b"for _ in range(10):\n    hashlib.sha256(long)\nprint('still there')"
    )
    until(machine, "console", b"busy\r\n")
    for at_ms in range(400):
        is_open = at_ms // period_ms % 2 == 1
        machine.console.set_open(is_open)
        machine.console.set_pace(UsbConsole.PROMPT_US if is_open else 5000)
        machine.advance(machine._now_ns + MS)
    assert machine.time_ns > machine._now_ns - MS
    machine.console.set_pace(UsbConsole.PROMPT_US)
    text = b""
    for _ in range(100):
        machine.console.set_open(True)
        machine.advance(machine._now_ns + MS)
        text += machine.take("console")
    machine.send("console", b"\r\n")
    until(machine, "console", b">>> ")


COMPUTES = (
    b"import hashlib, time\ntime.sleep_ms(100)\nlong = bytes(20000)\nprint('busy')\n"
    b"for _ in range(30):\n    hashlib.sha256(long)"
)


@pytest.mark.pico
@pytest.mark.parametrize("wait_ms", (38, 40, 42))
def test_what_is_typed_right_after_the_port_was_opened_wakes_a_firmware_that_computes(make, wait_ms):
    """MicroPython counts frames from then on, an event each: its queue is full, and a packet's event was dropped."""
    machine = make(COMPUTES)
    console = machine.console
    until(machine, "console", b"busy\r\n")
    console.set_open(False)
    machine.advance(machine._now_ns + 320 * MS)
    while "port open" not in console.state or "transfer none" not in console.state:
        console.set_open(True)
        machine.advance(machine._now_ns + MS)
    machine.advance(machine._now_ns + wait_ms * MS)
    for _ in range(4):
        machine.send("console", b"\x03")
        machine.advance(machine._now_ns + 300 * MS)
    machine.send("console", b"print(6*7)\r\n")
    until(machine, "console", b"42\r\n")


@pytest.mark.pico
def test_a_firmware_that_panics_is_an_error_until_the_reset_button(make):
    """A panic of the chip's software ends in BKPT, at which an emulator without a debugger stands still, silent."""
    machine = make(
        b"import os\nprint('here')\nif 'once' not in os.listdir():\n    open('once', 'w').close()\n"
        b"    @micropython.asm_thumb\n    def panic():\n        data(2, 0xBE00)\n    panic()"
    )
    with pytest.raises(MachineError, match="panicked: it stopped at a breakpoint"):
        until(machine, "console", b"never")
    with pytest.raises(MachineError):
        machine.advance(machine._now_ns + MS)
    machine.reboot()
    until(machine, "console", b"here\r\n")
    machine.advance(machine._now_ns + 100 * MS)


PRINTS = b"""
import board, machine, time
say = %s
modem = machine.UART(0, 115200)
time.sleep_ms(100)
for _ in range(8):
    start = time.ticks_ms()
    say("x" * 62)
    modem.write(b"%%d " %% time.ticks_diff(time.ticks_ms(), start))
modem.write(b"end")
"""


def waits_ms(make, say, usb_host, limit_ms=500):
    """How long each of eight lines of 62 characters held the firmware up."""
    machine = make(PRINTS % say, usb_host=usb_host, files=load_board("pico").board_modules())
    *waits, _ = until(machine, "modem", b"end", limit_ms).split()
    assert machine.take("console") == b""
    return [int(wait) for wait in waits]


@pytest.mark.pico
@pytest.mark.parametrize("say", [b"print", b"board.Console().write_line"])
def test_console_without_a_host_never_holds_the_firmware_up(make, say):
    waits = waits_ms(make, say, "none")
    assert len(waits) == 8 and max(waits) <= 10


@pytest.mark.pico
def test_print_to_a_host_that_stalls_waits_as_on_a_real_board(make):
    """MicroPython gives an open port half a second for each write that does not fit, and drops what is left."""
    waits = waits_ms(make, b"print", "stalls", limit_ms=9000)
    assert len(waits) == 8 and max(waits[:4]) <= 2
    assert all(500 <= wait <= 1100 for wait in waits[6:])


@pytest.mark.pico
def test_console_of_the_board_drops_what_a_stalled_host_does_not_take(make):
    waits = waits_ms(make, b"board.Console().write_line", "stalls", limit_ms=9000)
    assert len(waits) == 8 and max(waits) <= 10


@pytest.mark.pico
def test_reset_by_the_firmware_and_by_button_start_again(make):
    machine = make(ECHO)
    until(machine, "modem", b"READY")
    machine.send("modem", b"!")
    until(machine, "modem", b"READY")
    machine.reboot()
    until(machine, "modem", b"READY")
    assert machine.boots == 3


@pytest.mark.pico
def test_flash_survives_a_power_cut_and_sram_does_not(make):
    main = b"""
import machine
try:
    n = int(open("count").read())
except OSError:
    n = 0
with open("count", "w") as f:
    f.write(str(n + 1))
secret = bytes([b ^ 0x55 for b in b"\\x06\\x10\\x16\\x07\\x10\\x01\\x06"])
print("boot", n)
"""
    machine = make(main)
    assert b"boot 0" in until(machine, "console", b"boot 0\r\n")
    assert b"SECRETS" in machine.ram()
    machine.power_cut()
    with pytest.raises(LocalError, match="off"):
        machine.ram()
    machine.send("modem", b"lost")
    machine.advance(machine.time_ns + 1_000 * MS)
    machine.boot()
    assert b"SECRETS" not in machine.ram()
    assert b"boot 1" in until(machine, "console", b"boot 1\r\n")
    assert machine.uart0.queued == 0 and machine.boots == 2


@pytest.mark.pico
def test_output_before_a_power_cut_can_still_be_taken(make):
    machine = make(ECHO)
    machine.advance(60 * MS)
    machine.power_cut()
    assert machine.take("modem") == b"READY"
    assert machine.take("modem") == b""


@pytest.mark.pico
def test_settop_imports_on_a_stock_board(make):
    machine = make(b"import settop.wire.ecm as e\nprint('bytes', e.SECTION_BYTES)", files=package_files())
    assert b"bytes 28" in until(machine, "console", b"\r\n")


@pytest.mark.pico
def test_misuse_is_refused(make):
    machine = make(b"")
    with pytest.raises(LocalError, match="already on"):
        machine.boot()
    machine.advance(5 * MS)
    with pytest.raises(LocalError, match="ran back"):
        machine.advance(4 * MS)
    with pytest.raises(LocalError, match="no line 'output'"):
        machine.send("output", b"")
    with pytest.raises(LocalError, match="no USB host 'gone'"):
        make(b"", usb_host="gone")


def test_entropy_is_balanced_and_repeats_for_the_same_seed_and_boot_alone():
    def bits(seed, boot):
        source = Entropy(seed, boot)
        return [source.bit() for _ in range(4096)]

    assert bits(b"a", 1) == bits(b"a", 1)
    assert bits(b"a", 1) != bits(b"a", 2) != bits(b"b", 2)
    assert 1900 < sum(bits(b"a", 1)) < 2200


def test_main_and_boot_stay_source_and_modules_are_compiled():
    files = board_files({"main.py": b"x = 1", "boot.py": b"", "lib/a.py": b"x = 1", "data.bin": b"\x00"})
    assert sorted(files) == ["boot.py", "data.bin", "lib/a.mpy", "main.py"]
    assert files["lib/a.mpy"][:2] == b"M\x06" and files["main.py"] == b"x = 1"


def test_source_that_does_not_compile_is_named():
    with pytest.raises(LocalError, match=r"lib/bad\.py does not compile(?s:.*)SyntaxError"):
        compile_module("lib/bad.py", b"def (")


def test_files_image_is_a_littlefs_with_the_files():
    image = files_image({"lib/deep/er/a.bin": b"\x01" * 9000, "main.py": b"pass"})
    assert len(image) == FILES_BYTES
    read = LittleFS(block_size=BLOCK_BYTES, block_count=FILES_BYTES // BLOCK_BYTES, mount=False)
    read.context.buffer[:] = image
    read.mount()
    with read.open("lib/deep/er/a.bin", "rb") as data:
        assert data.read() == b"\x01" * 9000


@pytest.mark.parametrize("name", ["/main.py", "../x", "a/../../x", ""])
def test_file_names_outside_the_file_system_are_refused(name):
    with pytest.raises(LocalError, match="relative path"):
        files_image({name: b""})


def test_more_than_the_flash_holds_is_refused():
    with pytest.raises(LocalError, match="does not go into"):
        files_image({"big": bytes(FILES_BYTES)})


def uf2_block(address, payload, flags=0x2000):
    head = b"UF2\n" + b"".join(
        word.to_bytes(4, "little") for word in (0x9E5D5157, flags, address, len(payload), 0, 1, 0xE48BFF56)
    )
    return head + payload.ljust(476, b"\0") + (0x0AB16F30).to_bytes(4, "little")


def test_uf2_goes_where_it_says():
    flash = read_uf2(uf2_block(FLASH_BASE + 512, b"abc") + uf2_block(FLASH_BASE + 256, b"xyz", flags=0x2001))
    assert len(flash) == FLASH_BYTES and flash[512:515] == b"abc"
    assert set(flash[:512] + flash[515:]) == {0xFF}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (uf2_block(FLASH_BASE, b"abc")[:-1], "511 bytes"),
        (bytes(512), "magic"),
        (uf2_block(0x20000000, b"abc"), "outside"),
        (uf2_block(FLASH_BASE + FLASH_BYTES - 2, b"abc"), "outside"),
        (uf2_block(FLASH_BASE + 0xA0000, b"abc"), "file system"),
    ],
)
def test_what_is_no_pico_image_is_refused(data, message):
    with pytest.raises(RemoteError, match=message):
        read_uf2(data)


def test_damaged_uf2_raises_nothing_but_remote_error():
    noise, good = random.Random(3), uf2_block(FLASH_BASE, bytes(256)) * 2
    for _ in range(300):
        data = bytearray(good)
        for _ in range(noise.randrange(1, 6)):
            data[noise.choice((noise.randrange(32), noise.randrange(len(data))))] = noise.randrange(256)
        try:
            assert len(read_uf2(bytes(data))) == FLASH_BYTES
        except RemoteError:
            pass
