"""A system that the scenario room has never heard of is played, judged and reported by what it brings itself."""

import json

import pytest
import typer
from settop.errors import LocalError
from testbed.commands.play import run
from testbed.scenario.plan import load_plan
from testbed.systems import registry

SCENARIO = """
title = "Somebody at the door"
system = "bell"
runtime = "cpython"
[door]
open_seconds = 4
[[event]]
at_s = 1
action = "ring"
times = 2
[[event]]
at_s = 2.5
action = "ring"
[[event]]
at_s = 3
action = "command"
argument = "status"
[[expect]]
answers = 4
said = ["status"]
"""


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    monkeypatch.setitem(registry.SYSTEMS, "bell", "tests.helpers.bell_system")


def scenario(folder, text=SCENARIO):
    path = folder / "door.toml"
    path.write_text(text)
    return path


def test_it_is_played_judged_and_reported(tmp_path, capsys):
    out = tmp_path / "out"
    run([scenario(tmp_path)], json_file=tmp_path / "seen.json", out=out)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert list(seen) == ["seed", "runtime", "rung", "terminals", "checks"]
    assert seen["rung"] == [[1000, 2], [2500, 1]]
    assert seen["terminals"] == [{"name": "T1", "answers": 4}]
    assert [(check["what"], check["passed"]) for check in seen["checks"]] == [
        ("T1: 4 answers", True),
        ("T1: the console says 'status'", True),
    ]
    assert sorted(path.name for path in out.iterdir()) == ["received.ts", "report.html"]

    page = (out / "report.html").read_text()
    for text in ("The terminal was rung 2 times.", "Who rang", "<td>2500 ms</td><td><b>1</b></td>", "rings at 1.0 s"):
        assert text in page
    screen = capsys.readouterr().out
    assert "door" in screen and "answers" in screen
    body, drawing = page.split("<body>")[1], page.split("<svg")[1].split("</svg>")[0]
    for foreign in ("ortion", "on air", "telephone", "Call record", "tariff", "keys", "picture"):
        assert foreign not in body and foreign not in screen
    assert "state0" in drawing


def test_what_it_expects_and_does_not_see_is_said(tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended:
        run([scenario(tmp_path, SCENARIO.replace("answers = 4", "answers = 5"))], out=tmp_path / "out")
    assert ended.value.exit_code == 1
    assert "NOT SEEN T1: 5 answers (4)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("open_seconds = 4", "open_seconds = 0", "door.open_seconds is 0; 1 to 60 are possible"),
        ("open_seconds = 4", "width = 4", "door.width is unknown; there are open_seconds"),
        ("[door]", "[tariff]", "tariff is unknown; there are door, system, title"),
        ("times = 2", "max_price = 2", "max_price is unknown; there are at_s, terminal, action, argument, times"),
        ('action = "ring"', 'action = "call"', "action 'call' is unknown; there are ring, tune, command, power_cut"),
        ("answers = 4", "charged = 4", "charged is unknown; there are terminal, answers, said"),
    ],
)
def test_it_takes_its_own_keys_and_no_other_systems(tmp_path, old, new, complaint):
    with pytest.raises(LocalError) as caught:
        load_plan(scenario(tmp_path, SCENARIO.replace(old, new)), registry.find_system)
    assert complaint in str(caught.value)
