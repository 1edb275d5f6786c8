"""A title that is not in the clear, from the server's core to the viewer's, in virtual time: tokens, keys, packets."""

import pytest
from headend.media import protection
from settop.wire import rtcp, rtsp
from settop.wire import stream as wire
from settop.wire.rtsp_fields import ADAPTATION, pack_adaptation

from tests.helpers.clips import have_ffmpeg
from tests.helpers.media import film_in
from tests.helpers.stream_bench import BASE, URL, StreamBench, statuses, token

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
CM, GCM, TDES = wire.AES_CM_SHA1_80, wire.AES_GCM_128, wire.TDES_SHA1_80
WHOLE_MS = 10_000
SHORT = [("Range", "npt=0-0.3")]  # Triple DES in plain Python is slow


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return film_in(tmp_path_factory.mktemp("titles"))


@pytest.fixture
def bench(film):
    return StreamBench(film)


def begun(viewer):
    """Whose title plays from its beginning."""
    assert viewer.set_up()[0] == "set_up"
    assert viewer.play()[0] == "playing"
    return viewer


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("suite", [CM, GCM, TDES])
def test_who_has_a_token_gets_the_title_under_the_suite_that_is_chosen(bench, suite, tcp):
    viewer = bench.viewer(suites=(suite,), tcp=tcp)
    event = viewer.set_up()
    assert event[0] == "set_up" and event[1].secure and viewer.guard.suite == suite
    assert viewer.play(None, SHORT if suite == TDES else ())[0] == "playing"
    bench.run(WHOLE_MS)
    if suite == TDES:
        assert bench.octets.startswith(viewer.payload()) and len(viewer.payload()) > 40_000
    else:
        assert viewer.payload() == bench.octets
    assert viewer.guard.dropped == 0 and viewer.reports >= 2
    media = [octets for is_rtcp, octets in bench.captured if not is_rtcp]
    parts = [octets[12 + at : 28 + at] for octets in media for at in (0, 500, 1_000)]
    assert len(parts) > 100 and not any(part in bench.octets for part in parts if len(part) == 16)
    (session,) = bench.server.sessions.values()
    assert session.dropped == 0


def test_the_viewer_s_first_suite_among_those_of_the_title_is_taken(film):
    bench = StreamBench(film, suites=(TDES, CM))
    viewer = bench.viewer(suites=(GCM, CM, TDES))
    viewer.set_up()
    assert viewer.guard.suite == CM


def test_without_a_suite_in_common_the_viewer_gives_up(film):
    viewer = StreamBench(film, suites=(TDES,)).viewer(suites=(GCM, CM))
    assert viewer.describe() == ("failed", "no suite that both ends have", False)


@pytest.mark.parametrize("suite", [CM, GCM])
def test_losses_doubles_delays_and_damage_cost_no_more_than_the_packets_that_they_hit(film, suite):
    bench = StreamBench(film, loss=0.05, doubled=0.05, damaged=0.05, jitter_ms=60)
    viewer = begun(bench.viewer(suites=(suite,)))
    bench.run(WHOLE_MS)
    sent = sum(not is_rtcp for is_rtcp, _ in bench.captured)
    assert 0.85 * sent < len(viewer.packets) < sent
    assert viewer.guard.dropped > 0.05 * sent
    first = min(viewer.packets)
    for number, payload in viewer.packets.items():
        at = 7 * 188 * (number - first)
        assert bench.octets[at : at + len(payload)] == payload
    (session,) = bench.server.sessions.values()
    assert session.state == "ready"  # it has come to its end


def test_pause_and_play_go_on_under_the_same_keys(bench):
    viewer = begun(bench.viewer(suites=(GCM,)))
    bench.run(1_500)
    viewer.client.pause(bench.now_ms)
    assert viewer.event()[0] == "paused"
    bench.run(40_000)
    assert viewer.play()[0] == "playing"
    bench.run(60_000)
    assert viewer.payload() == bench.octets and viewer.guard.dropped == 0


def test_each_access_has_other_keys_and_an_old_capture_opens_nothing(bench):
    first = begun(bench.viewer())
    bench.run(WHOLE_MS)
    capture = list(first.raw)
    assert len(capture) > 800
    first.leave()
    second = begun(bench.viewer())
    before = bench.now_ms
    for is_rtcp, octets in capture:
        second.take(is_rtcp, octets)
    assert not second.packets and not second.reports and second.guard.dropped == len(capture)
    bench.run(before + WHOLE_MS)
    assert second.payload() == bench.octets
    assert not {octets for _, octets in capture} & {octets for _, octets in second.raw[len(capture) :]}


def test_a_viewer_that_has_ended_opens_nothing_of_what_it_kept(bench):
    viewer = begun(bench.viewer())
    bench.run(1_000)
    capture = list(viewer.raw)
    viewer.client.tear_down(bench.now_ms)
    assert viewer.event() == ("ended",) and not bench.server.sessions
    viewer.packets.clear()
    for is_rtcp, octets in capture:
        viewer.take(is_rtcp, octets)
    assert not viewer.packets and viewer.guard._secret is None and viewer.guard._media is None


def test_another_machine_opens_nothing_of_what_it_overhears(bench):
    viewer = begun(bench.viewer())
    other = begun(bench.viewer(url=BASE + "other", text=token("other", "bob"), user="bob", peer="192.0.2.10"))
    bench.run(1_000)
    before = len(other.packets), other.guard.dropped
    for is_rtcp, octets in viewer.raw:
        other.take(is_rtcp, octets)
    assert (len(other.packets), other.guard.dropped - before[1]) == (before[0], len(viewer.raw))


def test_a_report_counts_once_and_only_under_the_viewer_s_keys(bench):
    viewer = begun(bench.viewer(suites=(CM,)))
    bench.run(1_000)
    (session,) = bench.server.sessions.values()
    address = (viewer.peer, viewer.ports[1])
    for at_ms, octets, counts in (
        (2_000, viewer.report(sealed=False), False),
        (3_000, good := viewer.report(), True),
        (4_000, good, False),
        (5_000, viewer.report()[:-1], False),
        (6_000, bytes(20), False),
        (7_000, b"", False),
        (8_000, viewer.report() + bytes(2_000), False),
    ):
        session.seen_ms = 0
        dropped = session.dropped
        bench.server.reported(address, octets, at_ms)
        assert (session.seen_ms, session.dropped - dropped) == ((at_ms, 0) if counts else (0, 1)), at_ms
    session.seen_ms = 0
    viewer.ssrc ^= 1  # another source, under the right keys
    viewer.guard._back._max_streams = 2
    bench.server.reported(address, viewer.report(), 9_000)
    assert session.seen_ms == 0


def test_the_sender_goes_by_a_buffer_that_is_told_of_under_the_viewer_s_keys_alone(bench):
    viewer = bench.viewer(suites=(CM,))
    viewer.set_up([(ADAPTATION, pack_adaptation(URL + "/stream", 300_000, 1_000))])
    viewer.play()
    viewer.report_ms = None
    (session,) = bench.server.sessions.values()
    flow = session.sender.flow
    bench.run(500)
    assert flow.reports == 0 and viewer.packets
    last = max(viewer.packets)
    told = {
        "blocks": [(session.sender.ssrc, 0, 0, last, 0, 0, 0)],
        "more": rtcp.pack_next_unit(viewer.ssrc, session.sender.ssrc, 100, last, 200_000),
    }
    forged = viewer.report(sealed=False, **told)
    bench.run(600)
    assert (flow.reports, flow.refused, session.dropped) == (0, 0, 1)
    good = viewer.report(**told)
    bench.run(700)
    assert (flow.reports, flow.refused, session.dropped) == (1, 0, 1)
    for octets in (forged, good):
        bench.server.reported((viewer.peer, viewer.ports[1]), octets, bench.now_ms)
    assert (flow.reports, flow.refused, session.dropped) == (1, 0, 3)


def test_a_viewer_who_only_reports_is_kept_and_one_whose_reports_are_forged_is_not(bench):
    viewer = begun(bench.viewer())
    viewer.client._keep_ms = None  # nothing by the connection
    bench.run(100_000)
    assert bench.server.sessions
    viewer.report_ms = None
    for at_ms in range(101_000, 170_000, 5_000):
        bench.run(at_ms)
        bench.server.reported((viewer.peer, viewer.ports[1]), bytes(60), at_ms)
    assert not bench.server.sessions


def test_keys_end_with_their_connection_and_their_session(bench):
    viewer = begun(bench.viewer())
    (session,) = bench.server.sessions.values()
    viewer.leave()
    assert not bench.server.sessions
    with pytest.raises(Exception, match="closed"):
        session.guard.media(bytes(40))
    silent = begun(bench.viewer())
    (session,) = bench.server.sessions.values()
    silent.client._keep_ms = silent.report_ms = None
    bench.viewers.remove(silent)
    bench.run(bench.now_ms + 61_000)
    assert not bench.server.sessions and not silent.line.sessions
    with pytest.raises(Exception, match="closed"):
        session.guard.report(bytes(40))


def test_a_session_answers_to_the_connection_alone_that_its_keys_are_of(bench):
    viewer = begun(bench.viewer())
    (number,) = bench.server.sessions
    stranger = bench.server.connect(viewer.peer, 0)
    stranger.receive(rtsp.pack("TEARDOWN", URL, 1, [("Session", number)]), 0)
    assert statuses(stranger.to_send()) == [454] and bench.server.sessions


def test_one_user_has_one_session_at_a_time(bench):
    first = begun(bench.viewer())
    second = bench.viewer(peer="192.0.2.10")
    assert second.set_up() == ("refused", "SETUP", 453)
    bench.run(1_000)
    assert first.packets and len(bench.server.sessions) == 1
    begun(bench.viewer(text=token(user="bob"), user="bob", peer="192.0.2.11"))  # somebody else
    assert len(bench.server.sessions) == 2
    first.client.tear_down(bench.now_ms)
    assert first.event() == ("ended",)
    begun(bench.viewer(peer="192.0.2.10"))


def test_a_session_that_has_fallen_silent_gives_way(bench):
    first = begun(bench.viewer())
    bench.viewers.remove(first)  # its line is dead, and nobody has said so
    bench.run(19_000)
    assert bench.viewer(port=5_100).set_up() == ("refused", "SETUP", 453)
    bench.run(25_000)
    second = begun(bench.viewer(port=5_200))
    assert len(bench.server.sessions) == 1
    bench.run(27_000)
    assert second.packets


def test_a_hundred_viewers_have_their_keys_each(film):
    bench = StreamBench(film)
    viewers = []
    for number in range(100):
        user = f"user {number}"
        viewers.append(bench.viewer(text=token(user=user), user=user, port=7_000 + 2 * number, suites=(CM,)))
    for viewer in viewers:
        assert viewer.set_up()[0] == "set_up"
        assert viewer.play(None, [("Range", "npt=0-0.05")])[0] == "playing"
    bench.run(1_000)
    assert len(bench.server.sessions) == 100
    payloads = {viewer.payload() for viewer in viewers}
    assert len(payloads) == 1 and bench.octets.startswith(payloads.pop())
    assert not any(viewer.guard.dropped for viewer in viewers)


def test_without_libsrtp_the_firmware_s_own_protects(film, monkeypatch):
    monkeypatch.setattr(protection, "pylibsrtp", None)
    bench = StreamBench(film)
    viewer = bench.viewer(suites=(CM,))
    viewer.set_up()
    viewer.play(None, SHORT)
    bench.run(6_000)
    assert bench.octets.startswith(viewer.payload()) and len(viewer.payload()) > 40_000
    (session,) = bench.server.sessions.values()
    assert session.dropped == 0 and session.seen_ms >= 5_000


def test_a_title_in_the_clear_plays_without_a_token_and_who_wants_keys_does_not_take_it(bench):
    viewer = begun(bench.viewer(url=BASE + "open", text=""))
    bench.run(WHOLE_MS)
    assert viewer.payload() == bench.octets
    careful = bench.viewer(url=BASE + "open", text=token("open"))
    event = careful.describe()
    assert event[0] == "failed" and "clear" in event[1]
