"""Firmware older or newer than this host is named as such wherever the two meet, with what to do."""

import json
import tomllib
from pathlib import Path

import pytest
from settop.errors import RemoteError
from settop.version import FORMATS, VERSION
from testbed import formats
from testbed.boards.profile import load_board
from testbed.deploy.flash import flash_board
from testbed.hil.adapter import AttachedBoard
from testbed.hil.machine import SerialMachine
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.scenario.runner import run_plan
from testbed.station import Station
from testbed.systems.call.plan import CallPlan
from testbed.terminals import Runtime

from tests.helpers.commands import ringcast
from tests.helpers.pretend_board import Shell, pretend_board
from tests.helpers.pretend_micropython import Pretence, PretendBoard

ROOT = Path(__file__).parents[2]
OLD = "board=pico boot=4 terminal=unprovisioned"
NEW = f"board=pico version=9.1 formats={FORMATS + 1} boot=4 terminal=unprovisioned"
SAME = f"board=pico version={VERSION} formats={FORMATS} boot=4 terminal=unprovisioned"


def test_version_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == json.loads((ROOT / "package.json").read_text())["version"] == VERSION


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (SAME, FORMATS),
        (OLD, 1),
        (NEW, FORMATS + 1),
        ("formats=", 1),
        ("formats=two", 1),
        ("formats=-2", 1),
        ("formats=" + "9" * 5000, 1),
        ("reformats=7", 1),
        ("", 1),
    ],
)
def test_number_is_read_from_a_ready_line_and_none_is_the_first(said, number):
    assert formats.formats_of(said) == number


def test_same_formats_are_no_problem_whatever_the_version():
    assert formats.mismatch(SAME) is None
    assert formats.mismatch(f"board=pico version=0.0.1 formats={FORMATS}") is None


def test_older_firmware_is_named_with_what_it_lacks_and_how_to_renew_it():
    text = formats.mismatch(OLD)
    assert text.startswith(f"the terminal's firmware has FORMATS 1, older than the {FORMATS} of ringcast {VERSION}")
    assert "stays dark" in text
    assert text.endswith("flash it again: ./ringcast flash --board pico --port PORT")
    assert formats.mismatch(OLD, frozen=True).endswith("put a new image on it: ./ringcast firmware --board pico")


def test_newer_firmware_is_named_with_its_version_and_the_host_is_to_be_renewed():
    text = formats.mismatch(NEW)
    assert text.startswith(f"the terminal's firmware 9.1 has FORMATS {FORMATS + 1}, newer than the {FORMATS}")
    assert text.endswith("update ringcast here")


# --- where they meet ----------------------------------------------------------------------------------------------


class OtherFirmware(CpythonMachine):
    """A terminal whose `ready` line is another firmware's."""

    ready = OLD

    def take(self, line):
        data = super().take(line)
        head, ready, rest = data.partition(b" ready ")
        return head + ready + self.ready.encode() + b"\n" + rest.partition(b"\n")[2] if ready else data


@pytest.mark.parametrize(("ready", "means"), [(OLD, "older than"), (NEW, "newer than")])
def test_bench_refuses_a_terminal_of_other_formats_before_it_gives_it_an_identity(ready, means, tmp_path):
    made = []

    def machine(spec):
        made.append(OtherFirmware(spec))
        made[-1].ready = ready
        return made[-1]

    with pytest.raises(MachineError, match=f"terminal T1: the terminal's firmware.*{means}"):
        run_plan(CallPlan(runtime="cpython", clip_seconds=2), Runtime("cpython", "altered", machine), tmp_path)


def test_station_reads_the_last_ready_line():
    station = Station("T1", OtherFirmware(TerminalSpec(files={})))
    assert station.formats_problem is None
    station.power_on()
    station.exchange_bytes(0)
    assert "FORMATS 1" in station.formats_problem
    station.machine.close()


@pytest.mark.parametrize(("ready", "means"), [(OLD, "older than"), (NEW, "newer than")])
def test_attached_board_of_other_formats_is_refused_when_it_says_ready(ready, means, tmp_path):
    paths = {name: tmp_path / name for name in ("console", "modem", "tuner")}
    shell = Shell(terminal=b"@ 12 ready %s\r\n" % ready.encode())
    with pretend_board(paths["console"], shell), pretend_board(paths["modem"]), pretend_board(paths["tuner"]):
        urls = {name: str(path) for name, path in paths.items()}
        machine = SerialMachine(AttachedBoard(urls), TerminalSpec(files={}), "uarts")
        with pytest.raises(MachineError, match=means):
            machine.boot()
        machine.close()


@pytest.mark.parametrize(("ready", "means"), [(OLD, "older than"), (NEW, "newer than")])
def test_flash_says_so_of_what_runs_afterwards_and_gives_no_identity(ready, means, tmp_path):
    asked = []
    with PretendBoard(tmp_path, Pretence(ready=b"@ 3 ready %s\r\n" % ready.encode())) as board:
        with pytest.raises(RemoteError, match=means):
            flash_board(board.port, load_board("pico"), on_ready=lambda console, text: asked.append(text))
        ended = ringcast("flash", "--board", "pico", "--port", board.port)
    assert asked == []
    assert ended.status == 1
    assert means in ended.err and "Traceback" not in ended.err


def test_doctor_names_version_and_formats_of_this_host():
    said = " ".join(ringcast("doctor").out.split())
    assert "ringcast" in said and f"FORMATS {FORMATS}" in said.replace(" │ ", " ")
