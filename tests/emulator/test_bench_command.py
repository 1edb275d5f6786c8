"""`ringcast bench` as a command: what it writes and how it ends, whatever happens on the way."""

import json

import pytest
from testbed.bench import figures
from testbed.bench.figure import Figure
from testbed.machines.base import MachineError

from tests.helpers.commands import ringcast

GOOD = Figure("good", 2.0, "ratio", 1.0, "higher", "[so]")
POOR = Figure("poor", 0.5, "ratio", 1.0, "higher", "so")


@pytest.fixture
def measures(monkeypatch):
    """Put these in the place of the real figures: a Figure, or what is raised instead."""

    def put(**given):
        def measure(name, long):
            if isinstance(given[name], BaseException):
                raise given[name]
            return given[name]

        monkeypatch.setattr(figures, "FIGURES", dict.fromkeys(given))
        monkeypatch.setattr(figures, "measure", measure)

    return put


def names_in(path):
    return [figure["name"] for figure in json.loads(path.read_text())["figures"]]


@pytest.mark.parametrize(("given", "status"), [({"good": GOOD}, 0), ({"good": GOOD, "poor": POOR}, 1)])
def test_status_says_whether_every_goal_was_met(measures, tmp_path, given, status):
    measures(**given)
    path = tmp_path / "not" / "there" / "bench.json"
    ended = ringcast("bench", "--json", path)
    assert ended.status == status
    assert names_in(path) == list(given)
    assert "[so]" in ended.out


def test_figure_that_cannot_be_measured_is_named_and_the_others_are_written(measures, tmp_path):
    measures(first=MachineError("the demo failed"), good=GOOD)
    path = tmp_path / "bench.json"
    ended = ringcast("bench", "--json", path)
    assert ended.status == 1
    assert names_in(path) == ["good"]
    assert "good" in ended.out
    assert "failed" in ended.out
    assert ended.complaint == "ringcast: first was not measured: the demo failed"


def test_figure_with_a_bug_keeps_its_traceback(measures, tmp_path):
    measures(first=ZeroDivisionError("oops"), good=GOOD)
    path = tmp_path / "bench.json"
    ended = ringcast("bench", "--json", path)
    assert ended.status == 1
    assert names_in(path) == ["good"]
    assert "Traceback" in ended.err
    assert "ZeroDivisionError" in ended.complaint


def test_interrupted_bench_writes_what_it_has(measures, tmp_path):
    measures(good=GOOD, slow=KeyboardInterrupt(), poor=POOR)
    path = tmp_path / "bench.json"
    ended = ringcast("bench", "--json", path)
    assert ended.status == 130
    assert names_in(path) == ["good"]
    assert "interrupted" in ended.complaint


def test_json_that_cannot_be_written_is_known_before_anything_is_measured(measures, tmp_path):
    measures(good=AssertionError("measured"))
    (tmp_path / "file").write_text("")
    ended = ringcast("bench", "--json", tmp_path / "file" / "bench.json")
    assert ended.status == 1
    assert "Traceback" not in ended.err


def test_unknown_figure_is_refused_with_those_that_are(measures):
    measures(good=GOOD)
    ended = ringcast("bench", "--only", "bad")
    assert ended.status == 2
    assert ended.complaint == "ringcast: no figure 'bad'; there are good"
