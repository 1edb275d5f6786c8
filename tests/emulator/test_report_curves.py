"""Curves of the report and the screen: what passed, slice by slice, below a terminal's key path."""

import dataclasses
import io
import re

from rich.console import Console
from testbed.scenario.model import Curve, Phase, ReportModel, Terminal
from testbed.scenario.report import screen, write_report
from testbed.scenario.timeline import CURVE_HEIGHT, GUTTER, timeline
from testbed.systems.network.phases import ONLINE
from testbed.systems.network.report import WORDS

VALUES = (0, 0, 500, 1000, 250, 0, 0, 0, 0, 1)


def model(*curves, terminals=1):
    one = Terminal("T1", phases=(Phase(ONLINE, 100, 900),), curves=curves)
    both = (one, dataclasses.replace(one, name="T2"))[:terminals]
    return ReportModel("A page", "cpython", 1, WORDS, (), both, length_ms=1000)


def points(path):
    """(x, height above the ground) of each corner."""
    steps = re.findall(r"([MHV]) ([\d.]+)(?: ([\d.]+))?", path)
    x, ground, found = float(steps[0][1]), float(steps[0][2]), []
    y = ground
    for kind, value, _ in steps[1:]:
        x, y = (float(value), y) if kind == "H" else (x, float(value))
        found.append((x, round(ground - y, 2)))
    return found


def test_a_curve_has_a_step_for_each_slice_and_ends_on_the_ground():
    line = timeline(model(Curve("to it", "kbit/s", 100, VALUES)))
    (lane,), width = line.lanes, line.width - GUTTER - 14
    (area,) = lane.areas
    corners = points(area.path)
    heights = {round((x - GUTTER) / width * 10): height for x, height in corners}
    assert [heights[slice_] for slice_ in (2, 3, 4, 5)] == [CURVE_HEIGHT * part for part in (0.5, 1, 0.25, 0)]
    assert corners[-1] == (line.width - 14, 0)
    assert (area.label, area.peak) == ("to it", "1,000 kbit/s")
    assert lane.path_bottom < area.y and lane.bottom == area.y + CURVE_HEIGHT <= line.height


def test_lanes_with_curves_do_not_touch_and_those_without_are_as_they_were():
    first, second = timeline(model(Curve("a", "x", 100, VALUES), Curve("b", "x", 100, VALUES), terminals=2)).lanes
    assert first.areas[0].y + CURVE_HEIGHT < first.areas[1].y and first.bottom < second.y
    (bare,) = timeline(model()).lanes
    assert not bare.areas and bare.bottom == bare.path_bottom


def test_nothing_that_passed_is_the_ground_and_no_division(tmp_path):
    (lane,) = timeline(model(Curve("to it", "kbit/s", 100, ()), Curve("from it", "kbit/s", 100, (0,) * 10))).lanes
    assert all(height == 0 for area in lane.areas for _, height in points(area.path))
    assert [area.peak for area in lane.areas] == ["0 kbit/s"] * 2


def shown(shown_model):
    console = Console(file=io.StringIO(), width=80)
    console.print(screen(shown_model))
    return console.file.getvalue()


def test_the_screen_has_a_line_of_blocks_and_each_column_its_highest():
    text = shown(model(Curve("to it", "kbit/s", 100, VALUES)))
    (line,) = [line for line in text.splitlines() if "to it" in line]
    blocks = line.split("to it", 1)[1][3:-2]
    assert blocks.count("█") == 1 and "▄" in blocks and "▁" in blocks
    assert all(len(line) == 80 for line in text.splitlines())
    fine = shown(model(Curve("to it", "kbit/s", 1, (0,) * 500 + (9,) + (0,) * 499)))
    assert "█" in fine, "the highest of many slices in a column is seen"
    assert "█" not in shown(model(Curve("to it", "kbit/s", 100, (0,) * 10)))


def test_the_page_shows_curves_and_escapes_their_words(tmp_path):
    curves = Curve("<b>&", "kbit/s", 100, VALUES), Curve("from it", "kbit/s", 100, VALUES)
    write_report(tmp_path / "report.html", model(*curves))
    page = (tmp_path / "report.html").read_text()
    assert page.count('class="area0"') == page.count('class="area1"') == 1
    assert "&lt;b&gt;&amp;: at most 1,000 kbit/s" in page and "<b>&" not in page
