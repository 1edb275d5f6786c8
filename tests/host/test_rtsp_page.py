"""docs/protocols/rtsp.md says what the code does: its tables, limits and times."""

import re
from pathlib import Path

from headend.media import access, connection, flow, session, source, states
from headend.media import rtsp as server
from headend.media.adaptation import REPORT_EVERY
from headend.media.sender import PER_PACKET
from settop.media import buffer, feedback, rtsp_states
from settop.media.rtsp_client import RtspClient
from settop.wire import rtcp, rtp, rtsp, sdp
from settop.wire.rtsp_fields import ADAPTATION, pack_adaptation

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


def test_the_page_has_the_buffers_octets_and_fields():
    example = "".join(row[2].strip("`") for row in rows("| octets | what they say | of an example |"))
    assert bytes.fromhex(example) == rtcp.pack_next_unit(0x11223344, 0x55667788, 7, 1001, 2068)
    assert [int(row[0]) for row in rows("| octets | what they say | of an example |")] == [4, 4, 4, 4, 2, 2, 2, 2]
    assert f"`a={sdp.ADAPTATION}:{REPORT_EVERY}`" in PLAIN
    assert f"{ADAPTATION}: " + pack_adaptation("rtsp://HOST/NAME/stream", 65800, 500) in PLAIN


def test_the_page_has_the_buffers_limits_and_the_senders_rates():
    for text in (
        f"less than {flow.MIN_SIZE:,} octets",
        f"due every {feedback.EVERY_MS} ms, below the low mark every {feedback.LOW_MS} ms",
        f"and after {feedback.SOONEST_MS} ms where",
        f"within {buffer.SLOTS} of one that is missing and {buffer.REORDER_MS} ms",
        f"nothing is there for {buffer.STARVED_MS} ms",
        f"for {flow.LOST_MS // 1000} s longer than the quickest",
        f"without one for {flow.UNHEARD_MS // 1000} s",
        f"with {flow.LOSS:.0%} lost, or a packet for {flow.QUEUED_MS} ms in a queue".replace("%", " %"),
        f"After {flow.PRESSED_MS // 1000} s of loss or queue",
        f"no two changes within {flow.SETTLED_MS // 1000} s); after {flow.CLEAN_MS // 1000} s without",
        f"up to {flow.MAX_CLEAN_MS // 1000} s",
        f"within {flow.SOONEST_MS} ms of the last report",
    ):
        assert text in PLAIN, text
    rates = [row[1] for row in rows("| state of buffer and line | times the title's rate |")]
    assert rates == [
        f"{flow.FASTEST}",
        f"{flow.SLOWEST} (lost), {flow.SLOWEST_QUEUED} (queue)",
        f"{flow.FASTER}",
        f"{flow.STEADY}",
        f"{flow.URGENT}",
    ]
