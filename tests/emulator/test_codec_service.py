"""A service of the application plays a tune through the decoder chip, in virtual time, as a title's player will."""

import sys
from pathlib import Path

import numpy as np
import pytest
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine, use_shims
from testbed.machines.pico import PicoMachine

from tests.helpers.melodies import decoded, offset_of, tune

MS = 1_000_000
SERVICE = Path(__file__).parents[1] / "helpers/jukebox/service.py"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A terminal on CPython with the toy in its place."""
    use_shims()
    from tests.helpers.jukebox import service

    for name in ("settop.services.jukebox", "settop.services.jukebox.service"):
        monkeypatch.setitem(sys.modules, name, service)
    monkeypatch.chdir(tmp_path)
    return CpythonMachine(TerminalSpec(files={}, seed=b"codec", codec=True, services=("jukebox",)))


def run(machine, from_ms, to_ms, step_ms=1):
    said = b""
    for at_ms in range(from_ms, to_ms, step_ms):
        machine.advance(at_ms * MS)
        said += machine.take("console")
    return said


@pytest.mark.parametrize("step_ms", [1, 7, 1000])
def test_on_cpython_it_plays_to_the_end_however_time_is_cut(machine, step_ms):
    file = tune("mp3", 3)
    Path("tune").write_bytes(file)
    machine.boot()
    said = run(machine, 1, 101)
    machine.send("console", b"play\r\n")
    said += run(machine, 101, 5_200, step_ms)
    assert said.count(b"codec ready") == 2 and b"codec ending" in said, said
    sound, chip = machine.sound, machine.codec
    assert sound.underruns == [] and len(sound.pieces) == 1
    assert 100 * MS <= sound.pieces[0].start_ns < 160 * MS
    assert (chip.too_fast, chip.missed, chip.confused, chip.decoder.overflowed) == (0, 0, 0, 0)
    wanted, heard = decoded(file), sound.heard()[1]
    offset = offset_of(wanted, heard)
    assert np.array_equal(heard[offset:][: len(wanted) - 2400], wanted[: len(wanted) - 2400])


def test_a_service_that_sets_no_time_is_called_when_dreq_changes(machine, monkeypatch):
    """A board's application looks again by itself, sooner or later; here nobody does unless something has changed."""
    service = sys.modules["settop.services.jukebox.service"]

    class Timeless(service.Jukebox):
        def step(self, now_ms):
            super().step(now_ms)

    monkeypatch.setattr(service, "make", Timeless)
    Path("tune").write_bytes(tune("aac", 2))
    machine.boot()
    machine.advance(10 * MS)
    assert b"codec ready" in machine.take("console"), "as soon as DREQ says so"
    machine.send("console", b"play\r\n")
    machine.advance(4_000 * MS)
    assert machine.take("console").rstrip().endswith(b"codec ready")
    assert machine.sound.underruns == [] and machine.sound.pieces[0].count > 80_000


def test_the_same_is_heard_at_the_same_instants_however_time_is_cut(machine):
    Path("tune").write_bytes(tune("aac", 1))
    heard = []
    for step_ms in (1, 50):
        other = CpythonMachine(machine.spec)
        other.boot()
        run(other, 1, 100)
        other.send("console", b"play\r\n")
        other.advance(100 * MS)
        run(other, 100, 2_000, step_ms)
        heard.append([(piece.start_ns, piece.count) for piece in other.sound.pieces])
    assert heard[0] == heard[1]


def test_a_terminal_whose_chip_has_nothing_to_do_is_left_alone(machine):
    machine.boot()
    run(machine, 1, 1_000)
    turns = []
    step = machine.app.step
    machine.app.step = lambda: turns.append(machine._now_ns) or step()
    machine.advance(60_000 * MS)
    assert len(turns) < 1_500, "twenty turns a second are the application's own"


def test_after_a_power_cut_it_starts_anew_and_what_was_heard_stays(machine):
    Path("tune").write_bytes(tune("aac", 2))
    machine.boot()
    run(machine, 1, 100)
    machine.send("console", b"play\r\n")
    run(machine, 100, 800)
    machine.power_cut()
    assert machine.board().codec() is None
    machine.boot()
    said = run(machine, 800, 1_000)
    assert b"codec ready" in said
    machine.send("console", b"play\r\n")
    run(machine, 1_000, 1_500)
    assert len(machine.sound.pieces) == 2 and machine.sound.underruns == []


@pytest.mark.pico
def test_on_the_pico_the_application_feeds_it_without_an_underrun(image):
    file = tune("mp3", 3)
    folder = "lib/settop/services/jukebox"
    jukebox = {f"{folder}/service.py": SERVICE.read_bytes(), f"{folder}/__init__.py": b"", "tune": file}
    files = load_board("pico").files({"SERVICES": ("jukebox",)}, jukebox)
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"codec", codec=True))
    machine.boot()
    said = run(machine, 1, 1_500, 5)
    assert b"codec ready" in said, said
    machine.send("console", b"play\r\n")
    said = run(machine, 1_500, 2_800, 5)
    machine.send("console", b"stop\r\n")
    said += run(machine, 2_800, 3_300, 5)
    assert b"codec cancelling" in said and b"codec filling" in said and said.rstrip().endswith(b"codec ready"), said
    sound = machine.sound
    assert sound.underruns == [] and len(sound.pieces) == 1
    assert 1_200 * MS < sound.pieces[0].count * 10**9 // 44_100 < 1_500 * MS
    wanted, heard = decoded(file), sound.heard()[1]
    offset = offset_of(wanted, heard)
    assert np.array_equal(heard[offset:][:50_000], wanted[:50_000])
    machine.close()
