"""docs/protocols/rtsp.md says what the code does: its tables, limits and times."""

import re
from pathlib import Path

from headend.media import access, connection, session, source, states
from headend.media import rtsp as server
from headend.media.sender import PER_PACKET
from settop.media import rtsp_states
from settop.media.rtsp_client import RtspClient
from settop.wire import rtp, rtsp

PAGE = (Path(__file__).parents[2] / "docs/protocols/rtsp.md").read_text(encoding="utf-8")
PLAIN = " ".join(PAGE.split())


def rows(head):
    """The cells of the table that begins with that head."""
    lines = PAGE.splitlines()
    at = lines.index(head) + 2
    found = []
    while lines[at].startswith("|"):
        found.append(tuple(cell.strip() for cell in lines[at].strip("|").split("|")))
        at += 1
    return found


def test_the_page_has_both_tables_of_states():
    assert rows("| state | method | action | next |") == list(states.TABLE)
    assert rows("| state | event | next |") == list(rtsp_states.TABLE)


def test_the_page_has_every_method_and_status():
    named = [name for row in rows("| method | the server | status where it cannot |") for name in row[0].split(", ")]
    assert sorted(named) == sorted(rtsp.METHODS)
    known = {status for status, _ in rtsp.REASONS}
    for text in re.findall(r"\b(4\d\d|5\d\d)\b(?! s)", PLAIN):
        assert int(text) in known | {448}, text  # 448: packets of a block


def test_the_page_has_the_limits():
    limits = {row[0]: row[1:] for row in rows("| limit | server | viewer |")}
    reader = connection.Connection(server.RtspServer(None, None, None, (0, 1)), "", 0)._reader
    mine = RtspClient("rtsp://h/f", print)._reader
    for row, part in (("octets of a body", "_body"), ("octets of a frame", "_frame")):
        assert limits[row] == (str(len(getattr(reader, part))), str(len(getattr(mine, part))))
    assert limits["octets of a head"] == (str(len(reader.head._octets)), str(len(mine.head._octets)))
    assert f"While {connection.MAX_BACKLOG:,} octets wait" in PLAIN
    assert f"ends {session.TIMEOUT_S} s behind" in PLAIN
    assert f"said nothing for {access.GIVES_WAY_MS // 1000} s" in PLAIN
    assert f"every {session.REPORT_EVERY_MS // 1000} s" in PLAIN
    assert f"block of {source.BLOCK_PACKETS} packets" in PLAIN
    assert f"payload type {rtp.MPEG_TS}" in PLAIN and PER_PACKET == 7
    assert f"{rtsp._MAX_BETWEEN} octets of them" in PLAIN
