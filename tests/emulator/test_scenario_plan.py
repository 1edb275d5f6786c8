"""Scenario files: what is read, and what is refused with a line that says where and what was expected."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settop.errors import LocalError
from testbed.scenario.plan import load_plan
from testbed.systems.call.plan import CallAction, CallExpect, CallPlan, LinePlan, call_command
from testbed.systems.registry import find_system

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "scenarios").glob("*.toml"))


def load(tmp_path, text):
    path = tmp_path / "case.toml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path, find_system)


def test_empty_file_is_the_default_plan_named_after_the_file(tmp_path):
    assert load(tmp_path, "") == CallPlan(title="case")


def test_every_key_is_read(tmp_path):
    text = """
    title = "All"
    system = "call"
    runtime = "cpython"
    seed = 7
    terminals = ["A", "B-2"]
    number = "5550123"
    [broadcast]
    input = "film.ts"
    clip_seconds = 12
    portion_seconds = 5
    lead_max_seconds = 2.5
    programme = 3
    [line]
    bits_per_s = 1200
    delay_ms = 0
    setup_ms = 30000
    trunks = 4
    [tariff]
    portion_price = 3
    set_up_price = 0
    [[event]]
    at_s = 1
    terminal = "A"
    action = "call"
    argument = "5550123"
    max_price = 3
    [[event]]
    at_s = 2.5
    terminal = "B-2"
    action = "power_cut"
    [[expect]]
    terminal = "A"
    clear = [2, "4-6"]
    dark = []
    keys = ["2-4"]
    charged = 3
    damaged = 1
    said = ["busy"]
    """
    assert load(tmp_path, text) == CallPlan(
        title="All",
        runtime="cpython",
        seed=7,
        terminals=("A", "B-2"),
        number="5550123",
        input=tmp_path / "film.ts",
        clip_seconds=12,
        portion_seconds=5.0,
        lead_max_seconds=2.5,
        programme=3,
        line=LinePlan(1200, 0, 30_000, 4),
        tariff_portion_price=3,
        tariff_set_up_price=0,
        actions=(CallAction(1.0, "A", "call", "5550123", 3), CallAction(2.5, "B-2", "power_cut")),
        expects=(CallExpect("A", ("busy",), (2, 4, 5, 6), (), 1, (2, 3, 4), 3),),
    )


def test_call_is_typed_with_its_number_and_its_highest_price():
    assert call_command(CallAction(0, "T1", "call")) == "call"
    assert call_command(CallAction(0, "T1", "call", "123")) == "call 123"
    assert call_command(CallAction(0, "T1", "call", max_price=0)) == "call --max-price 0"
    assert call_command(CallAction(0, "T1", "call", "123", 25)) == "call 123 --max-price 25"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed = ", "is no TOML"),
        ("sed = 1", "sed is unknown; there are broadcast, line"),
        ("system = 'cinema'", "no system 'cinema'; there are call"),
        ("system = 1", "system = 1: expected a text"),
        ("seed = true", "seed = True: expected a whole number"),
        ("seed = 1.5", "seed = 1.5: expected a whole number"),
        ("runtime = 'amiga'", "no runtime 'amiga'; there are pico, unix, cpython"),
        ("terminals = 'T1'", "terminals = 'T1': expected a list"),
        ("terminals = [1]", "terminals has 1: expected a text for each"),
        ("terminals = []", "expected 1 to 99 different names"),
        ("terminals = ['a', 'a']", "expected 1 to 99 different names"),
        ("terminals = ['../x']", "also names a file"),
        ("broadcast = 3", "broadcast = 3: expected a table"),
        ("[broadcast]\nbitrate = 3", "broadcast.bitrate is unknown; there are input, clip_seconds"),
        ("[broadcast]\nportion_seconds = 0.1", "portion_seconds is 0.1; 0.8 to 3600 are possible"),
        ("[broadcast]\nportion_seconds = nan", "portion_seconds is nan"),
        ("[broadcast]\nclip_seconds = 0", "clip_seconds is 0; 1 to 3600 are possible"),
        ("[broadcast]\nlead_max_seconds = 0", "lead_max_seconds is 0; 0.8 to 3600 are possible"),
        ("[line]\nbits_per_s = '9600'", "line.bits_per_s = '9600': expected a whole number"),
        ("[line]\nbits_per_s = 0", "line.bits_per_s is 0; 1200 to"),
        ("[line]\nbits_per_s = 300", "line.bits_per_s is 300; 1200 to"),
        ("[line]\ndelay_ms = -1", "line.delay_ms is -1; 0 to"),
        ("[line]\ndelay_ms = 700", "line.delay_ms is 700; 0 to 500"),
        ("[broadcast]\nportion_seconds = 1\n[line]\nbits_per_s = 1200\ndelay_ms = 500", "make portion_seconds and"),
        ("[broadcast]\nlead_max_seconds = 0.8\n[line]\nbits_per_s = 1200", "lead_max_seconds 1.01 or more"),
        ("[[event]]\nat_s = 1\naction = 'power_on'", "terminal T1: power_on at 1 s, but it is on"),
        (
            "[[event]]\nat_s = 3\naction = 'power_on'\n[[event]]\nat_s = 1\naction = 'power_cut'\n"
            "[[event]]\nat_s = 4.5\naction = 'power_on'",
            "terminal T1: power_on at 4.5 s, but it is on; put a power_cut before",
        ),
        ("[line]\ntrunks = 0", "line.trunks is 0; 1 to"),
        ("[event]\nat_s = 1", "event = {'at_s': 1}: expected a list"),
        ("event = [1]", "event is no array of tables: write [[event]]"),
        ("[[event]]\naction = 'call'", "[[event]] number 1: at_s is missing: expected a number"),
        ("[[event]]\nat_s = 1", "[[event]] number 1: action is missing: expected a text"),
        ("[[event]]\nat_s = 1\naction = 'dance'", "action 'dance' is unknown; there are call, hang_up"),
        ("[[event]]\nat_s = -1\naction = 'call'", "times count from the broadcast's start: 0 or more"),
        ("[[event]]\nat_s = inf\naction = 'call'", "times count from the broadcast's start"),
        ("[[event]]\nat_s = 1\naction = 'call'\nnumber = '1'", "[[event]] number 1: number is unknown"),
        ("[[event]]\nat_s = 1\naction = 'call'\nmax_price = -1", "max_price is -1; 0 to"),
        ("[[event]]\nat_s = 1\naction = 'call'\nmax_price = 4294967296", "max_price is 4.29497e+09; 0 to"),
        ("[[event]]\nat_s = 1\naction = 'call'\nmax_price = 0.5", "max_price = 0.5: expected a whole number"),
        ("[[event]]\nat_s = 1\naction = 'hang_up'\nmax_price = 1", "action hang_up has a max_price; only a call"),
        ("[[event]]\nat_s = 1\naction = 'command'", "give the console line to type"),
        ("[[event]]\nat_s = 1\naction = 'command'\nargument = \"a\\nb\"", "has a control character"),
        ("[[event]]\nat_s = 1\naction = 'call'\nterminal = 'T9'", "terminal 'T9' is unknown; terminals has T1"),
        ("[[expect]]\nterminal = 'T2'", "terminal 'T2' is unknown; terminals has T1"),
        ("[[expect]]\nclear = 3", "[[expect]] number 1: clear = 3: expected a list"),
        ("[[expect]]\nclear = [true]", "clear: True is neither a portion nor a range"),
        ("[[expect]]\nclear = [-1]", "clear: -1 is neither a portion nor a range"),
        ("[[expect]]\nclear = ['4']", "clear: '4' is neither a portion nor a range"),
        ("[[expect]]\nclear = ['7-4']", "clear: the range '7-4' runs backwards"),
        ("[[expect]]\nclear = ['0-99999999999']", "is neither a portion nor a range"),
        ("[[expect]]\n[[expect]]\nclean = []", "[[expect]] number 2: clean is unknown; there are terminal, clear"),
    ],
)
def test_mistake_is_named_with_file_place_and_what_was_expected(tmp_path, text, complaint):
    with pytest.raises(LocalError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert complaint in message
    assert message.startswith("case.toml")
    assert "\n" not in message


def test_missing_and_binary_files_are_named(tmp_path):
    with pytest.raises(LocalError, match=r"cannot read the scenario none\.toml"):
        load_plan(tmp_path / "none.toml", find_system)
    path = tmp_path / "picture.toml"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(LocalError, match=r"cannot read the scenario picture\.toml"):
        load_plan(path, find_system)


_VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**9), 10**9).map(str),
        st.sampled_from(["true", "1.5", "nan", "inf", '"T1"', '"call"', '"4-7"', '"cpython"', "1979-05-27"]),
        st.text("abc-09 ", max_size=6).map(lambda text: f'"{text}"'),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=4,
)
_NAMES = """title system runtime seed terminals number input clip_seconds portion_seconds lead_max_seconds programme
bits_per_s delay_ms setup_ms trunks portion_price at_s terminal action argument clear dark keys charged damaged
said x"""
_KEYS = st.sampled_from(_NAMES.split())
_HEADS = st.sampled_from(["", "[broadcast]", "[line]", "[tariff]", "[[event]]", "[[expect]]", "[event]", "[[line]]"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_HEADS, st.dictionaries(_KEYS, _VALUES, max_size=4)), max_size=4))
def test_whatever_stands_in_the_file_gives_a_plan_or_one_line(tmp_path, parts):
    text = "\n".join(head + "\n" + "\n".join(f"{k} = {v}" for k, v in body.items()) for head, body in parts)
    try:
        assert isinstance(load(tmp_path, text), CallPlan)
    except LocalError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load_and_expect_something(path):
    plan = load_plan(path, find_system)
    assert plan.actions
    assert plan.expects
    assert plan.runtime == "pico"


def test_page_shows_every_key_and_every_example():
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    keys = (
        "title system runtime seed terminals number input clip_seconds portion_seconds lead_max_seconds programme "
        "bits_per_s delay_ms setup_ms trunks portion_price set_up_price at_s terminal action argument clear dark keys "
        "charged damaged said call hang_up drop_line command power_cut power_on seconds rate_kbit_s up_kbit_s "
        "jitter_ms loss damage double reorder lines path octets file go_online go_offline fetch upload drop_link "
        "fetched failed uploaded within_s state lost calls where name codec scheme kbit_s license play pause resume "
        "stop seek heard underruns"
    )
    for key in keys.split():
        assert f"`{key}`" in page, key
    assert EXAMPLES
    for path in EXAMPLES:
        assert path.name in page


def test_examples_on_the_page_load(tmp_path):
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in page.split("```toml\n")[1:]]
    assert blocks
    for block in blocks:
        load(tmp_path, block)
