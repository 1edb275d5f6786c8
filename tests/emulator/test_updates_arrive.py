"""What the firmware lacks arrives as a signed module: a codec on MicroPython, and a title in it is heard; a service."""

import time

import numpy as np
import pytest
from headend.titles.protection import NONE
from headend.updates.module import sign
from testbed.boards import load_board
from testbed.boards.compile import compile_module
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine, use_shims
from testbed.machines.pico import PicoMachine
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, unix_binary

from tests.helpers.melodies import encoded, melody, offset_of
from tests.helpers.tunes import packed
from tests.helpers.update_modules import KEY, made

MS = 1_000_000
LIMIT_MS = 30_000
RATE = 8000
# PCM with the high octet first, as QuickTime has it; its loop is machine code.
TWOS = b"""
import micropython
from settop.codec import wav
from settop.codec.unit import Unit

@micropython.viper
def swap(source: ptr8, at: int, target: ptr8, count: int):
    i = 0
    while i < count:
        target[i] = source[at + i + 1]
        target[i + 1] = source[at + i]
        i += 2

class Twos(Unit):
    def __init__(self, sink, rate, channels):
        Unit.__init__(self, sink)
        self._swapped = bytearray(256)
        self._high = None
        self._put(wav.head(rate, channels, 16), wav.HEAD_BYTES)

    def _take(self, octets, start, end):
        if self._high is not None:
            self._swapped[0] = octets[start]
            self._swapped[1] = self._high
            self._high = None
            taken, made = 1, 2
        elif end - start == 1:
            self._high = octets[start]
            return 1
        else:
            taken = made = min(end - start, 256) & -2
            swap(octets, start, self._swapped, made)
        self._put(self._swapped, made)
        self.flush()
        return taken

def make(sink, rate, channels, extra):
    return Twos(sink, rate, channels)

def check():
    out = bytearray(2)
    swap(b"ab", 0, out, 2)
    return out == b"ba"
"""
PROGRAM = b"""
import board, gc, sys, time
from settop.codec import units
from settop.codec.vs1053 import Vs1053
from settop.errors import RingcastError
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace
from settop.services.updates.service import make
from settop.titles.reader import TitleReader

keystore = Keystore(board)
keystore.start()
if not keystore.provisioned():
    replace(keystore, bytes(range(32)), ())

class Terminal:
    def __init__(self):
        self.board = board

    def records(self, service):
        return Records(keystore, service)

    def identity(self):
        return True

    def report(self, event, text=""):
        print("@", event, text)

chip = Vs1053(board.codec())
chip.start()

def settle():
    while chip.step(time.ticks_ms()) is not None:
        time.sleep_ms(1)

settle()
gc.collect()
free = gc.mem_free()
service = make(Terminal())
gc.collect()
print("service", free - gc.mem_free())

def receive(name):
    piece = bytearray(256)
    began = time.ticks_ms()
    try:
        coming = service.receive()
        with open(name, "rb") as file:
            while True:
                count = file.readinto(piece)
                if not count:
                    break
                coming.write(memoryview(piece)[:count])
        coming.finish()
    except RingcastError as error:
        print("refused", name, error)
    print("took", name, time.ticks_diff(time.ticks_ms(), began))

def play():
    reader = TitleReader(lambda kid: None, chip)
    file = open("title", "rb")
    piece = bytearray(512)
    while True:
        count = file.readinto(piece)
        if not count:
            break
        at = 0
        while at < count:
            taken = reader.feed(piece, at, count)
            at += taken
            if not taken:
                time.sleep_ms(5)
    while not reader.flush():
        time.sleep_ms(5)
    reader.finish()
    chip.finish()
    settle()
    print("played", reader.samples())

if service.modules.record("twos") is None:
    try:
        play()
    except RingcastError as error:
        print("silent", error)
        chip.cancel()
        settle()
    for name in ("altered", "foreign", "half", "twos"):
        receive(name)
else:
    for name in ("twos", "altered"):
        receive(name)
service.command(["update"], 0)
try:
    play()
except RingcastError as error:
    print("silent", error)
print("left", [name for name in sys.modules if "ed25519" in name or "up_" in name])
print("ended")
"""


def heard(machine, wanted):
    """Whether the last life played all of it."""
    played = np.concatenate([piece.samples for piece in machine.sound.pieces])
    offset = offset_of(wanted, played)
    return np.array_equal(played[offset : offset + len(wanted)], wanted)


def life(machine, from_ms):
    """What the console said until the program ended, in the machine's own time."""
    machine.boot()
    said = b""
    began_ns = from_ms * MS if machine.virtual else time.monotonic_ns()
    for at_ms in range(10, LIMIT_MS, 10):
        machine.advance(began_ns + at_ms * MS)
        said += machine.take("console")
        if b"ended" in said or b">>>" in said:
            break
    return said.decode()


def arrives(make, board, tmp_path):
    """Two lives of a terminal on which a codec arrives, among others that are refused."""
    samples = melody(1.0, RATE, 1)
    wav = tmp_path / "tune.wav"
    wav.write_bytes(encoded(samples.byteswap(), RATE, "wav", "pcm_s16le"))
    clear = packed(wav, tmp_path / "title.mp4", NONE).read_bytes()
    (entry,) = [kind for kind in (b"ipcm", b"sowt") if kind in clear]
    module = compile_module("up_twos.py", TWOS, load_board(board).mpy_arch)
    good = sign(KEY, "twos", 4, module, "twos", board).octets()
    altered = bytearray(good)
    altered[-9] ^= 1
    more = {
        "main.py": PROGRAM,
        "title": clear.replace(entry, b"twos"),
        "twos": good,
        "altered": bytes(altered),
        "foreign": sign(KEY, "twos", 5, compile_module("up_twos.py", TWOS, "xtensawin"), "twos").octets(),
        "half": good[: len(good) // 2],
    }
    files = load_board(board).files({"SIGNER": KEY.public.hex(), "SERVICES": ()}, more)
    machine = make(TerminalSpec(files=files, seed=b"updates", codec=True))
    try:
        said = life(machine, 0)
        assert "silent no codec twos on this terminal" in said, said
        for name in ("altered", "foreign", "half"):
            assert f"refused {name} the update is refused" in said, said
        assert "refused twos" not in said and "@ updated twos" in said, said
        assert "state=kept floor=4 codec=twos" in said and "left []" in said, said
        assert heard(machine, samples), said
        machine.power_cut()
        machine.sound.pieces.clear()
        said = life(machine, LIMIT_MS)
        assert "refused twos the update is refused" in said and "refused altered" in said, said
        assert "state=kept floor=4 codec=twos" in said and "played" in said, said
        assert heard(machine, samples), said
    finally:
        machine.close()


@pytest.mark.pico
def test_a_codec_arrives_signed_and_a_title_in_it_is_heard_on_the_pico(image, tmp_path):
    arrives(lambda spec: PicoMachine(image, spec), "pico", tmp_path)


@pytest.mark.unix
def test_a_codec_arrives_signed_and_a_title_in_it_is_heard_on_unix(tmp_path):
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    arrives(lambda spec: UnixMachine(binary, spec), "unix", tmp_path)


def test_a_service_arrives_over_the_console_of_a_terminal_on_cpython():
    use_shims()
    from settop.keystore.identity import Identity, pack_identity
    from settop.keystore.keystore import Keystore
    from settop.keystore.relock import replace

    machine = CpythonMachine(TerminalSpec(files={}, seed=b"updates", services=("updates",)))
    machine.signer = KEY.public.hex()
    identity = bytes(pack_identity(Identity(b"terminal", bytes(range(32)))))
    replace(Keystore(machine.board()), bytes(range(32)), (("terminal", "identity", identity, False),))
    now_ms = 0

    def turn(*lines):
        nonlocal now_ms
        said = b""
        for line in (*lines, ""):
            machine.send("console", line.encode() + b"\r\n")
            now_ms += 50
            machine.advance(now_ms * MS)
            said += machine.take("console")
        return said.decode()

    machine.boot()
    octets = made("TICK_1").octets()
    data = [f"update data {octets[at : at + 290].hex()}" for at in range(0, len(octets), 290)]
    assert "tick runs from the next start on" in turn("update begin", *data, "update end")
    assert "unknown command" in turn("tick")
    machine.power_cut()
    machine.boot()
    assert "tick 1" in turn("tick")
    now_ms += 11_000
    assert "updated tick" in turn("update")
    assert "state=kept floor=1" in turn("update")
    assert "the update is refused" in turn("update begin", *data, "update end")
