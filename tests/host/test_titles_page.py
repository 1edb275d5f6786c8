"""docs/titles.md says of the format what the code does."""

import re
from pathlib import Path

from headend.titles import remux
from headend.titles.extras import MEANING, NAMED, PURCHASER
from headend.titles.protecting import PATTERN
from headend.titles.slices import CLEAR_LEAD
from settop.services.titles import states
from settop.wire import licence
from settop.wire.tenth import LABEL
from testbed.machines.cpython import use_shims

PAGE = (Path(__file__).parents[2] / "docs" / "titles.md").read_text()
TEXT = " ".join(PAGE.split())


def rows(heading):
    """The cells of the table's rows whose first heading this is."""
    lines = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_extras_are_the_items_that_the_page_names():
    named = {}
    for names, items, _ in rows("extra"):
        found = re.findall("`([^`]+)`", names), re.findall("`([^`]+)`", items)
        if found[1][0] != "----":
            named.update(zip(*found, strict=True))
    assert named == {name: kind.decode("latin-1") for name, kind in NAMED.items()}
    assert f"`----`, mean `{MEANING.decode()}`, name `{PURCHASER}`" in PAGE


def test_numbers_of_the_format_are_the_codes():
    assert f"the first {CLEAR_LEAD} octets of each slice stay clear" in TEXT
    assert f"slices, {PATTERN[0]} block of {sum(PATTERN)}" in TEXT
    assert remux.FRAGMENT_S == 1.0 and "fragments of up to a second of media" in TEXT
    assert f"{remux._FRAGMENT_LIMIT >> 20} MiB" in TEXT
    assert LABEL == b"tenth 1\0" and "`tenth 1`, a zero octet, and a 64-bit number" in TEXT


def test_the_service_plays_by_the_pages_table_and_says_the_pages_words():
    assert [[s, e, "" if a == "-" else a, n] for s, e, a, n in rows("state")] == [list(row) for row in states.TABLE]
    told = set(re.findall(r"^    (\w+)  +\w", states.__doc__, re.MULTILINE))
    assert told == {row[0] for row in states.TABLE} | {row[-1] for row in states.TABLE}
    use_shims()
    from settop.services.titles import service

    words = [re.match(r"\w+", word)[0] for row in rows("word") for word in re.findall("`([^`]+)`", row[0])]
    assert tuple(dict.fromkeys(words)) == service.COMMANDS
    events = {re.match(r"\w+", word)[0] for row in rows("event") for word in re.findall("`([^`]+)`", row[0])}
    source = Path(service.__file__).read_text()
    assert events == {*re.findall(r'"(title_\w+)"', source), licence.LICENSED, licence.FORGOTTEN}
    assert f"has {service.FADE_MS} ms to play" in TEXT
    assert f"takes nothing for {service.STUCK_MS // 1000} s counts as none" in TEXT
