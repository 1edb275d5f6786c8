"""The console's line: fixed vectors, and that nothing else passes for one."""

import random

from kit import raises
from settop.wire.console import pack, parse, value

VECTORS = (
    ((12, "ready", "board=pico boot=1"), "@ 12 ready board=pico boot=1"),
    ((0, "hung_up", ""), "@ 0 hung_up"),
    ((999999999999999, "error", "say `provision` first"), "@ 999999999999999 error say `provision` first"),
    ((7, "tuned", "1  Ein  Kanal"), "@ 7 tuned 1  Ein  Kanal"),
)
NO_LINES = (
    "",
    "@",
    "@ ",
    "@ 5",
    "@ 5 ",
    "@  5 ready",
    "@ 5  ready",
    "@5 ready",
    " @ 5 ready",
    "x@ 5 ready",
    "@\t5\tready",
    "@ x ready",
    "@ -5 ready",
    "@ +5 ready",
    "@ 5_0 ready",
    "@ 5. ready",
    "@ 0x5 ready",
    "@ \u0665 ready",
    "@ \u00b2 ready",
    "@ 1000000000000000 ready",
    "@ " + "9" * 5000 + " ready",
    "MPY: soft reboot",
    ">>> ",
    "Traceback (most recent call last):",
)


def test_lines_are_the_documented_ones():
    for (now_ms, event, text), line in VECTORS:
        assert pack(now_ms, event, text) == line
        assert parse(line) == (now_ms, event, text)
        assert parse(line + "\r\n") == parse(line + "\n") == (now_ms, event, text)


def test_text_may_be_left_out_and_blanks_at_the_end_go():
    assert pack(5, "hung_up", "") == "@ 5 hung_up"
    assert pack(5, "status", "a=1  ") == "@ 5 status a=1"


def test_what_is_no_line_is_none():
    for line in NO_LINES:
        assert parse(line) is None, line
        assert parse(line + "\r\n") is None, line


def test_value_is_of_the_first_word_with_that_key():
    text = "portion=3 key=yes xportion=4 portion=5 set_up= name"
    assert value(text, "portion") == "3"
    assert value(text, "key") == "yes"
    assert value(text, "set_up") == ""
    for key in ("name", "tion", "portion=3 key", "por", "yes"):
        assert value(text, key) is None, key
    assert value("", "portion") is None


def test_what_is_packed_comes_back():
    random.seed(1)
    letters = "abz_-019=@:\u00e9"
    for _ in range(300):
        event = "".join([random.choice(letters) for _ in range(random.randrange(1, 12))])
        words = [
            "".join([random.choice(letters) for _ in range(random.randrange(1, 9))]) for _ in range(random.randrange(4))
        ]
        now_ms = random.getrandbits(random.randrange(1, 31))
        assert parse(pack(now_ms, event, " ".join(words))) == (now_ms, event, " ".join(words))


def test_any_text_is_a_line_that_packs_to_itself_or_none():
    random.seed(2)
    pieces = ("@", " ", "5", "ready", "=", "\t", "\r", "-", "_", "00", "\u00a0", "\x00", "\uffff", "x=1", "\x1c")
    lines = 0
    for _ in range(600):
        line = "@ 5 " * random.getrandbits(1) + "".join([random.choice(pieces) for _ in range(random.randrange(9))])
        found = parse(line)
        if found is None:
            continue
        lines += 1
        now_ms, event, text = found
        assert 0 <= now_ms < 10**15 and event and " " not in event, line
        again = pack(now_ms, event, text)
        assert parse(again) == (now_ms, event, text.rstrip()), line
    assert lines > 40


def test_no_text_is_no_line_either():
    with raises((TypeError, AttributeError)):
        parse(None)
