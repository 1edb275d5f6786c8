"""docs/protocols/modem.md says what the code does: its tables and its session."""

import re
from pathlib import Path

from settop.modem.states import TABLE
from testbed.line.registers import K_FLOWS, PARAMETERS, Q_FLOWS, S_PARAMETERS, SETTINGS
from testbed.line.result_codes import CONNECT_NUMBERS, Result

from tests.helpers.modem_bench import Bench

PAGE = (Path(__file__).parents[2] / "docs" / "protocols" / "modem.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two top lines."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_state_table():
    told = [
        (state, given, "" if action == "-" else action, then)
        for state, given, action, then in rows("The terminal's dialler")
    ]
    assert told == list(TABLE)


def test_s_parameters():
    told = {
        int(name[1:]): (*map(int, limits.split(" to ")), int(factory), text)
        for name, limits, factory, text in rows("S-parameters")
    }
    assert told == S_PARAMETERS


def test_settings():
    told = {
        name.strip("`"): (int(limits.removeprefix("0 to ")), int(factory), text)
        for name, limits, factory, text in rows("Settings")
    }
    assert told == SETTINGS


def test_parameters():
    told = {
        name.strip("`"): (values.strip("`"), factory.strip("`"), text)
        for name, values, factory, text in rows("Extended parameters")
    }
    assert told == PARAMETERS


def test_flow_control():
    told = {tuple(map(int, pair.split(","))): (k, q) for pair, k, q, _, _ in rows("Flow control and loss")}
    for flow, (k, q) in told.items():
        numbers = [[n for n, other in flows.items() if other == flow] for flows in (K_FLOWS, Q_FLOWS)]
        assert [re.findall(r"\d", k), re.findall(r"\d", q)] == [[str(n) for n in sorted(some)] for some in numbers]
    assert set(told) == {*K_FLOWS.values(), *Q_FLOWS.values()}


def test_result_codes():
    told = {words.strip("`"): int(number) for words, number, _ in rows("Result codes")}
    expected = {words: number for number, words in (result.value for result in Result)}
    assert told == expected | {"CONNECT 2400": CONNECT_NUMBERS[2400]}
    others = dict(
        map(int, pair) for pair in re.findall(r"(\d+): (\d+)", PAGE.split("`CONNECT 2400`")[1].split("\n")[0])
    )
    assert others | {2400: 10} == CONNECT_NUMBERS


def test_the_session_runs_as_printed():
    bench = Bench()
    heard = b""
    steps = PAGE.split("```session\n")[1].split("```")[0].splitlines()
    for step in steps:
        text = re.split(r"\s{3,}", step, maxsplit=1)[0]
        if text.startswith("+") and text[1:].isdigit():
            heard += bench.run(int(text[1:]))
            continue
        data = text[2:].encode().replace(b"\\r", b"\r").replace(b"\\n", b"\n")
        if text.startswith(">"):
            assert heard == b"", f"unannounced before {step!r}"
            heard += bench.ask(data)
        else:
            assert heard.startswith(data), f"{heard!r}, the page says {step!r}"
            heard = heard[len(data) :]
    assert heard == b""
    assert len(steps) > 20
