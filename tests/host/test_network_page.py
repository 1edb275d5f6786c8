"""docs/protocols/network.md says what the code does: its tables, limits and times."""

import inspect
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from settop.modem.dte import NUMBER_CHARS, NUMBER_MAX
from settop.modem.results import HOLD_MS
from settop.net import chunks, fetch, fetch_states, http_core, http_states, link, link_states, names, tls, url
from settop.services.network import commands, dial_up, dial_up_states, echo, groups, kept, service, transfers
from settop.wire import dns
from settop.wire.http import MAX_LENGTH_DIGITS, Head

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/protocols/network.md").read_text(encoding="utf-8")
PLAIN = " ".join(PAGE.split())


def rows(heading: str, table: int = 0) -> list[tuple[str, ...]]:
    """The cells of a table under a heading, without its two top lines."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    lines = blocks[table].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def default(function, name: str):
    return inspect.signature(function).parameters[name].default


def test_state_tables():
    assert [(s, i, "" if a == "-" else a, n) for s, i, a, n in rows("The link")] == list(link_states.TABLE)
    dialled = [(s, i, "" if a == "-" else a, n) for s, i, a, n in rows("Dial-up")]
    assert dialled == list(dial_up_states.TABLE)
    assert rows("HTTP", 1) == list(http_states.TABLE)
    assert rows("A transfer") == list(fetch_states.TABLE)


def test_every_state_is_described_where_its_table_is():
    for module in (link_states, dial_up_states, http_states, fetch_states):
        told = set(re.findall(r"^    (\w+)  +\w", module.__doc__, re.MULTILINE))
        used = {row[0] for row in module.TABLE} | {row[-1] for row in module.TABLE}
        assert told - {"none"} == used


def test_limits():
    told = {name: int(value) for name, value in rows("HTTP")}
    assert list(told.values()) == [
        default(Head, "size"),
        default(Head, "max_line"),
        default(Head, "max_fields"),
        http_core._INTERIM_MAX,
        chunks.MAX_LINE,
        url.MAX_REDIRECTS,
        url.MAX_CHARS,
    ]
    assert default(http_core.HttpClient, "head_octets") == told["octets of a head, with its trailers"]
    assert f"1 to {MAX_LENGTH_DIGITS} digits" in PLAIN


def test_times():
    core = http_core.HttpClient
    times = [default(core, name) // 1000 for name in ("reply_ms", "head_ms", "stall_ms")]
    assert "within {} s of its last octet, a head complete {} s after its first".format(*times) in PLAIN
    assert f"every {times[2]} s while there is room" in PLAIN
    assert f"Each {http_core._GONE_OCTETS} octets of a request go out within {times[0]} s" in PLAIN
    assert f"less than {fetch.LITTLE_OCTETS:,} octets each" in PLAIN
    assert f"makes {fetch.CONNECTIONS} connections at most" in PLAIN and f"than {fetch._PASSED_OCTETS:,} oct" in PLAIN
    assert f"{fetch.CONNECT_MS // 1000} s to accept" in PLAIN and transfers.LONGEST_MS == 3_600_000
    longest = [default(way, "longest_ms") for way in (fetch.Fetch.get, fetch.Fetch.post)]
    assert longest == [600_000, 60_000] and "10 minutes by `get`, one by `post`, an hour on the console" in PLAIN
    assert groups.TOLD == 8 and "eight datagrams a second" in PLAIN and names.KEPT_S == 3600
    assert f"1 to {NUMBER_MAX} characters of `{NUMBER_CHARS}`" in PLAIN
    pauses = [fetch.FIRST_PAUSE_MS / 1000 * 2**number for number in range(fetch.TRIES - 1)]
    assert "0.5, 1, 2, 4 and 8 s" in PLAIN and pauses == [0.5, 1, 2, 4, 8]
    assert f"kept {fetch.KEPT_MS // 1000} s for the next request" in PLAIN
    assert default(link.Link, "up_ms") == 30000 and default(link.Link, "steady_ms") == 30000
    assert (default(link.Link, "first_ms"), default(link.Link, "longest_ms"), default(link.Link, "tries")) == (
        1000,
        60000,
        8,
    )


def test_dial_up_and_the_service():
    assert (service.DIAL_UP_MS, service.DIAL_PAUSE_MS, service.DIAL_TRIES, service.DIAL_PACE) == (180000, 4000, 4, 4)
    assert "180 s for coming up, pauses of 4 s and more, four tries" in PLAIN and "4 by dial-up" in PLAIN
    assert f"no address {dial_up.JOIN_MS // 1000} s after CONNECT" in PLAIN and "`joining` after those 30 s" in PLAIN
    assert (dial_up.CALLS, dial_up.HOUR_MS) == (12, 3_600_000) and "twelve calls in any hour" in PLAIN
    longest_s = {state: longest_ms // 1000 for state, longest_ms in dial_up.LONGEST_MS.items()}
    assert longest_s == {"dialling": 150, "joining": 30, "leaving": 60, "returning": 60}
    assert "`dialling` after 150 s" in PLAIN and "`leaving` and `returning` after 60 s" in PLAIN
    assert f"{HOLD_MS} ms of silence follow it" in PLAIN and (dial_up.AHEAD_MS, dial_up.MIN_AHEAD_OCTETS) == (1000, 600)
    told = {words.strip("`").split()[0] for row in rows("The service") for words in row[0].split("`, `")}
    assert told == set(commands.COMMANDS)
    assert (groups.MAX_GROUPS, service.MAX_LOOKUPS, echo.WAIT_MS, commands.MAX_UPLOAD_OCTETS) == (4, 4, 2000, 65536)
    assert f"rises by {tls.FURTHEST_S // 86400} days at once at most" in PLAIN
    day = datetime.fromtimestamp(kept.FLOOR_S, UTC)
    assert (day.day, day.month, day.year) == (1, 11, 2026) and "begins at 1 November 2026" in PLAIN
    assert kept.STEP_S == 86400 and kept.AUTHORITY == "authority.der"


def test_what_the_service_lends_is_said_where_others_look_for_it():
    page = (ROOT / "docs/a-new-system.md").read_text(encoding="utf-8")
    for name in ("want(", "leave(", "state", "pace", "fetcher()", "names()", "sockets()"):
        assert hasattr(service.NetworkService, name.split("(")[0])
        assert name in page and name in str(service.__doc__), name


def test_names():
    tries = [names.TRY_MS * 3**number / 2**number / 1000 for number in range(names.TRIES)]
    assert "1.5, 2.2, 3.4 and 5.1 s" in PLAIN and [round(one, 1) for one in tries] == [1.5, 2.2, 3.4, 5.1]
    assert (names.MAX_WRONG, dns.MAX_ALIASES, dns.MAX_RECORDS, dns.MAX_MESSAGE_BYTES) == (8, 8, 32, 512)
    assert names.CACHE_ENTRIES == 8


def test_the_telephone_terminal_loads_none_of_it():
    program = "import sys, settop.app, settop.services.call.service; print(*sys.modules)"
    path = os.pathsep.join(str(ROOT / name) for name in ("firmware", "emulator/testbed/shims"))
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "settop.services.call.service" in loaded
    assert [name for name in loaded if name.startswith(("settop.net", "settop.wire.http", "settop.wire.dns"))] == []
