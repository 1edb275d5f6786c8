"""From the purchase of a token to the last octet of its title: shop, streaming server and viewer, in virtual time."""

import pytest
from headend.stream.token_key import tokens_of

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.shop import NOW
from tests.helpers.stream_bench import BASE, URL, StreamBench
from tests.helpers.streams import EVENING, FREE, HOUR_MS, Kiosk

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")


@pytest.fixture
def kiosk():
    made = Kiosk("sqlite://")
    yield made
    assert made.audit() == []


@pytest.fixture
def bench(kiosk, tmp_path):
    """A streaming server that opens the shop's database, as another process does."""
    path = tmp_path / "film.ts"
    path.write_bytes(clip("radio").read_bytes())
    return StreamBench(path, tokens=tokens_of(kiosk.engine, kiosk.vault), epoch_ms=NOW)


def test_who_has_bought_sees_it_as_often_as_he_likes_in_his_time_and_not_behind_it(kiosk, bench):
    user, (number, evening) = kiosk.user(100), kiosk.stream("film", EVENING)
    ticket, _ = kiosk.sales.buy(user, number, evening, NOW, 30)
    for _ in range(3):
        viewer = bench.viewer(text=ticket.token, user=ticket.user, suites=(1,))
        assert viewer.set_up()[0] == "set_up" and viewer.play()[0] == "playing"
        bench.run(bench.now_ms + 10_000)
        assert viewer.payload() == bench.octets
        viewer.leave()
    bench.run(6 * HOUR_MS)
    assert bench.viewer(text=ticket.token, user=ticket.user).describe() == ("refused", "DESCRIBE", 401)


def test_a_token_opens_no_other_title_and_serves_no_other_user(kiosk, bench):
    user, (number, day) = kiosk.user(), kiosk.stream("film", FREE)
    kiosk.user()
    ticket, _ = kiosk.sales.buy(user, number, day, NOW, 0)
    for url, name in ((BASE + "other", ticket.user), (URL, "user2"), (URL, "")):
        assert bench.viewer(url=url, text=ticket.token, user=name).describe() == ("refused", "DESCRIBE", 401)
    viewer = bench.viewer(text=ticket.token, user=ticket.user)  # free, and yet it needs the token
    assert viewer.set_up()[0] == "set_up" and viewer.guard.suite == 1
