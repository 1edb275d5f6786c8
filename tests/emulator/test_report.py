"""The report page and the screen, from models made by hand."""

import dataclasses
import html.parser
import io
import re

import pytest
from headend.ts.portions import Portion
from rich.console import Console
from settop.errors import LocalError
from testbed.scenario.broadcasts.analysis import Analysis, PortionResult
from testbed.scenario.broadcasts.pictures import MAX_PICTURED_PORTIONS, Picture, dark_card
from testbed.scenario.model import (
    AirPortion,
    Column,
    Outcome,
    Phase,
    Records,
    ReportModel,
    air_portions,
    outcomes,
)
from testbed.scenario.narrative import narrative, ranges, seconds
from testbed.scenario.report import screen, write_report
from testbed.scenario.timeline import lead_histogram, timeline
from testbed.systems.call.report import CONNECTED, DIALLING, HUNG_UP, KEYS, WORDS, CallRecord, caller

HOSTILE = "<script>alert('&\"x\"')</script>"
DARK = dark_card("NO")
VOID = {"meta", "img", "rect", "line", "path", "circle", "br", "link"}


def model(count=6, clear=(2, 3, 4), name="terminal 1", title="A call", pictures=False):
    portions = tuple(
        AirPortion(Portion(n, n * 600, 600, n * 2000), n * 2000 + 2000, 400, DARK if pictures else None)
        for n in range(count)
    )
    results = tuple(
        Outcome(n * 2000 - 700 - n, 400, True, 0, Picture(b"jpeg", "image/jpeg", True) if pictures else None)
        if n in clear
        else Outcome(None, 0, None)
        for n in range(count)
    )
    phases = (Phase(DIALLING, 1000, 2000), Phase(CONNECTED, 2000, 3100), Phase(KEYS, 3100, 9000))
    record = CallRecord(2000, 9000, tuple(clear), "0.06 EUR a key", "0.18 EUR")
    terminal = caller(name, results, (*phases, Phase(HUNG_UP, 9000, count * 2000)), (record,), 8990)
    return ReportModel(title, "pico", 1, WORDS, portions, (terminal,), (("keys", "3"),))


class Reader(html.parser.HTMLParser):
    """Checks that elements nest, and keeps what the tests ask for."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def page(tmp_path, made):
    path = tmp_path / "report.html"
    write_report(path, made)
    text = path.read_text("utf-8")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return text, reader


def shown(made):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(screen(made))
    return console.file.getvalue()


@pytest.mark.parametrize("count", [1, 6, 120])
def test_page_is_well_formed_whatever_the_length(tmp_path, count):
    _, reader = page(tmp_path, model(count, clear=range(min(2, count - 1), count), pictures=True))
    assert reader.tags.count("svg") >= 1
    assert reader.tags.count("img") <= 2 * MAX_PICTURED_PORTIONS


def test_page_needs_nothing_from_outside(tmp_path):
    text, reader = page(tmp_path, model(pictures=True))
    assert reader.links and all(link.startswith("data:image/") for link in reader.links)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert "script" not in reader.tags
    assert "link" not in reader.tags


def test_same_model_gives_the_same_bytes(tmp_path):
    one, _ = page(tmp_path, model(pictures=True))
    two, _ = page(tmp_path, model(pictures=True))
    assert one == two


def test_everything_is_escaped(tmp_path):
    made = model(name=HOSTILE, title=HOSTILE, pictures=True)
    terminal = made.terminals[0]
    column = Column(HOSTILE, strong=True)
    records = Records(HOSTILE, (column, dataclasses.replace(column, strong=False)), ((HOSTILE, HOSTILE),))
    made = dataclasses.replace(
        made,
        runtime=HOSTILE,
        figures=((HOSTILE, HOSTILE),),
        terminals=(dataclasses.replace(terminal, records=(records,)), terminal),
        words=dataclasses.replace(WORDS, path=HOSTILE, axis=HOSTILE, alternative=HOSTILE, footer=HOSTILE),
    )
    text, reader = page(tmp_path, made)
    assert "<script" not in text
    assert "script" not in reader.tags
    assert HOSTILE in "".join(reader.text)


def test_markup_in_a_title_is_shown_as_it_is_on_the_screen():
    assert "[bold]A call[/bold]" in shown(model(title="[bold]A call[/bold]"))


def test_page_tells_portions_leads_and_the_call_record(tmp_path):
    _, reader = page(tmp_path, model())
    text = " ".join(reader.text)
    for expected in ("702 ms", "hangs up at 8.99 s", "0.18 EUR", "2 to 4", "clear, equal to the original"):
        assert expected in text


def test_wrong_bytes_are_said_loudly(tmp_path):
    made = model()
    terminal = made.terminals[0]
    results = list(terminal.outcomes)
    results[3] = dataclasses.replace(results[3], clear_equal_original=False, damaged_packets=5)
    made = dataclasses.replace(made, terminals=(dataclasses.replace(terminal, outcomes=tuple(results)),))
    text, _ = page(tmp_path, made)
    assert "clear, but not the original" in text
    assert 'class="wrong"' in text
    assert "NOT all equal" in narrative(made)
    assert "5 packets came out damaged" in narrative(made)


def test_two_terminals_each_have_a_lane_a_table_and_a_sentence(tmp_path):
    one, two = model(name="T1", pictures=True), model(clear=(4, 5), name="T2", pictures=True)
    both = dataclasses.replace(one, terminals=one.terminals + two.terminals)
    _, reader = page(tmp_path, both)
    text = " ".join(reader.text)
    assert "Portions at T1" in text and "Portions at T2" in text
    assert [lane.name for lane in timeline(both).lanes] == ["T1", "T2"]
    assert "T1 dialled at 1.0 s" in narrative(both) and "T2 dialled at 1.0 s" in narrative(both)
    assert reader.tags.count("img") == 6 + 3 + 2


def test_terminal_without_a_call_stays_dark(tmp_path):
    made = model()
    silent = caller("T2", tuple(Outcome(None, 0, None) for _ in made.portions))
    made = dataclasses.replace(made, terminals=(silent,))
    page(tmp_path, made)
    assert "made no call. Every portion stayed dark." in narrative(made)
    assert "█" not in shown(made)


def test_nothing_is_called_dark_that_was_clear_on_air(tmp_path):
    made = model()
    silent = caller("T2", tuple(Outcome(None, 0, None) for _ in made.portions))
    told = narrative(dataclasses.replace(made, terminals=(silent,), exposed=1234))
    assert "1,234 packets of the programme were CLEAR ON AIR" in told
    assert "dark" not in told
    unscrambled = tuple(dataclasses.replace(portion, scrambled_packets=0) for portion in made.portions)
    _, reader = page(tmp_path, dataclasses.replace(made, portions=unscrambled, terminals=(silent,)))
    assert " ".join(reader.text).count("nothing scrambled on air") == len(unscrambled)


def test_timeline_puts_keys_before_the_portions_that_they_open():
    lane = timeline(model()).lanes[0]
    assert len(lane.keys) == 3
    assert all(key.x < key.to_x for key in lane.keys)
    clear = [box for box in lane.boxes if box.kind == "clear"]
    assert [box.x for box in clear] == [key.to_x for key in lane.keys]


def test_portion_joined_half_way_is_clear_at_its_end_only():
    made = model()
    terminal = made.terminals[0]
    results = list(terminal.outcomes)
    results[1] = Outcome(3000, 200, True)
    made = dataclasses.replace(made, terminals=(dataclasses.replace(terminal, outcomes=tuple(results)),))
    lane = timeline(made).lanes[0]
    dark = next(box for box in lane.boxes if "portion 1:" in box.tip and box.kind == "dark")
    clear = next(box for box in lane.boxes if "portion 1:" in box.tip and box.kind == "clear")
    assert clear.x + clear.width == pytest.approx(dark.x + dark.width, abs=0.02)
    assert clear.width == pytest.approx(dark.width / 2, abs=0.02)
    assert lane.keys[0].label == "at once"
    assert "Portion 1 came out in part." in narrative(made)


def test_nothing_of_the_timeline_leaves_it():
    drawn = timeline(model(40, clear=range(3, 30)))
    for box in [*drawn.air, *(box for lane in drawn.lanes for box in lane.boxes)]:
        assert 0 <= box.x <= box.x + box.width <= drawn.width
        assert 0 <= box.y <= box.y + box.height <= drawn.height


def test_histogram_counts_every_lead_and_needs_many():
    assert lead_histogram(model()) is None
    drawn = lead_histogram(model(100, clear=range(10, 100)))
    assert drawn.count == 90
    assert sum(int(bar.label or 0) for bar in drawn.bars) == 90
    assert (drawn.low_ms, drawn.high_ms) == (710, 799)


@pytest.mark.parametrize("count", [1, 12, 200])
def test_screen_fits_80_columns_and_repeats(count):
    made = model(count, clear=range(1, count))
    text = shown(made)
    assert len(text.splitlines()) <= 24
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text == shown(made)


def test_screen_shows_indices_clear_portions_and_keys():
    text = shown(model())
    air, picture, call = (line for line in text.splitlines() if re.match(r"│ (on air|picture|call)", line))
    assert re.findall(r"\d", air) == list("012345")
    assert picture.count("█") == 3 * 8
    assert call.count("●") == 3


def test_model_is_checked():
    made = model()
    with pytest.raises(LocalError, match="at least one portion"):
        dataclasses.replace(made, portions=())
    with pytest.raises(LocalError, match="one for each of the 6"):
        dataclasses.replace(made, terminals=(caller("T", ()),))
    wrong = dataclasses.replace(made.terminals[0], phases=(Phase("asleep", 0, 1),))
    with pytest.raises(LocalError, match="asleep"):
        dataclasses.replace(made, terminals=(wrong,))
    ragged = dataclasses.replace(made.terminals[0], records=(Records("Bills", (Column("price"),), (("1", "2"),)),))
    with pytest.raises(LocalError, match="Bills: give a cell for each of the 1 columns"):
        dataclasses.replace(made, terminals=(ragged,))


def test_model_is_made_from_an_analysis():
    portions = [Portion(7, 0, 50, 0), Portion(8, 50, 60, 2000)]
    results = tuple(PortionResult(portion, None, 40, 0, None, 0, 0, 0) for portion in portions)
    analysis = Analysis(results, 0, 0, 0)
    air = air_portions(portions, analysis, 4100, [None, None])
    assert [(p.index, p.started_ms, p.ended_ms, p.scrambled_packets) for p in air] == [
        (7, 0, 2000, 40),
        (8, 2000, 4100, 40),
    ]
    assert outcomes(analysis, [None, None]) == (Outcome(None, 0, None), Outcome(None, 0, None))


def test_words_for_numbers():
    assert [seconds(value) for value in (0, 4000, 4210, 13405)] == ["0.0 s", "4.0 s", "4.21 s", "13.405 s"]
    assert seconds(-90) == "-0.09 s"
    assert [ranges(value) for value in ([], [3], [2, 3, 4, 9, 11])] == ["none", "3", "2 to 4, 9 and 11"]
