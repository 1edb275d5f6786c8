"""What a terminal's console lines become in report and screen: the price, the causes of darkness, a refusal."""

import dataclasses
import io

import pytest
from headend.ts.portions import Portion
from rich.console import Console
from settop.wire.dark import TEXTS, WORDS
from testbed.scenario.model import AirPortion, Outcome, ReportModel
from testbed.scenario.narrative import narrative
from testbed.scenario.report import screen, write_report
from testbed.station import ConsoleEvent
from testbed.systems.call import report, told
from testbed.systems.call.report import caller


def console(*lines):
    return [ConsoleEvent(number, *line.split(" ", 1)) for number, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("price portion=5 set_up=20 currency=EUR tariff=demo", "0.05 EUR a portion, 0.20 EUR once (tariff demo)"),
        ("price portion=250 set_up=0 currency=SEK tariff=late night", "2.50 SEK a portion (tariff late night)"),
        ("price portion=-1 set_up=x currency=EUR tariff=", "-1 EUR a portion, x EUR once (tariff )"),
    ],
)
def test_price_is_shown_in_words_and_the_last_one_counts(line, words):
    assert told.offer(console("ready x", "price portion=1 set_up=0 currency=EUR tariff=a", line)) == words
    assert told.offer(console("ready x")) is None


def test_causes_of_darkness_are_named_once_each_and_clear_is_none():
    lines = [f"dark cause={word} {text}" for word, text in zip(WORDS, TEXTS, strict=True)]
    found = told.darkness(console(*lines, *lines, "not_clear portions=3-4 cause=wrong_key", "dark cause=nonsense"))
    assert found == TEXTS[1:]
    assert told.darkness(console("dark cause=none x", "status cause=no_key")) == ()


def test_refusal_is_the_centres_and_no_other_end():
    assert told.refusal(console("closed goodbye", "closed denied: no credit left")) == "no credit left"
    assert told.refusal(console("closed the programme is over")) is None


def test_report_and_screen_say_price_cause_and_refusal(tmp_path):
    outcomes = (Outcome(None, 0, None),)
    said = (
        "0.05 EUR a portion (tariff demo)",
        "the key does not open what is on air",
        "a portion costs more than the viewer accepts",
        "an outdated token",
    )
    terminal = caller("T1", outcomes, offer=said[0], dark=said[1:2], refusal=said[2], alarms=said[3:])
    model = ReportModel("t", "cpython", 1, report.WORDS, (AirPortion(Portion(0, 0, 10, 0), 2000, 8),), (terminal,))
    write_report(tmp_path / "report.html", model)
    page = (tmp_path / "report.html").read_text()
    shown = io.StringIO()
    Console(file=shown, width=100).print(screen(model))
    words = " ".join(shown.getvalue().replace("│", " ").split())
    for text in said:
        assert text in page and text in words
    assert "said what kept it dark" not in narrative(dataclasses.replace(model, terminals=(caller("T1", outcomes),)))
