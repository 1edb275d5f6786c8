# runtimes: cpython unix
"""Rights with an end: from and to an instant, so long behind the first play, by a clock that nobody sets back."""

import struct

from keystore_rig import Records, provisioned, started
from kit import raises
from settop.errors import RemoteError
from settop.services.titles.licences import Licences
from settop.services.titles.terms import KEEP_MS, NO_TIME, NOT_YET, OVER, TermClock, Terms
from settop.wire import shop as wire
from shop_rig import NOW, Bench, content_of, right
from title_vectors import CENC, KEY, KID
from titles_rig import OVER as TITLE_OVER
from titles_rig import slow, words

HOUR_MS = 3600000
DAY_MS = 24 * HOUR_MS


def records_of(flash):
    return Records(started(flash)[0], "titles")


class Terminal:
    """Licences and terms behind a start with this flash, at Unix time NOW where nothing else is said."""

    def __init__(self, flash, now=NOW):
        self.flash = flash
        records = records_of(flash)
        self.licences = Licences(records)
        self.terms = Terms(records)
        if now:
            self.terms.clock.learn(now, 0)

    def key(self, now_ms=0):
        return self.licences.key(KID, lambda name, data: self.terms.use(name, data, now_ms))

    def refuses(self, why, now_ms=0):
        with raises(RemoteError) as caught:
            self.key(now_ms)
        assert str(caught.value) == why


def holding(*terms):
    terminal = Terminal(provisioned())
    terminal.licences.keep(KID, KEY, terms)
    return terminal


def test_x13_a_right_holds_from_its_begin_to_its_end():
    terminal = holding(1, NOW + HOUR_MS, NOW + DAY_MS, 0)
    terminal.refuses(NOT_YET)
    terminal.refuses(NOT_YET, HOUR_MS - 1)
    assert bytes(terminal.key(HOUR_MS)) == KEY == bytes(terminal.key(DAY_MS - 1))
    terminal.refuses(OVER, DAY_MS)


def test_x12_a_right_holds_so_long_from_its_first_play_on_also_behind_another_start():
    terminal = holding(1, 0, 0, 7200)
    assert bytes(terminal.key(DAY_MS)) == KEY, "the first play is when it begins"
    assert bytes(terminal.key(DAY_MS + 2 * HOUR_MS - 1)) == KEY
    terminal.refuses(OVER, DAY_MS + 2 * HOUR_MS)
    again = Terminal(terminal.flash, NOW + DAY_MS + 2 * HOUR_MS)
    again.refuses(OVER)
    both = holding(1, 0, NOW + HOUR_MS, 7200)
    both.key()
    both.refuses(OVER, HOUR_MS)


def test_x13_the_clock_cannot_be_set_back_and_goes_on_where_it_was():
    terminal = holding(1, 0, NOW + HOUR_MS, 0)
    terminal.terms.clock.learn(NOW + HOUR_MS, 5)
    terminal.terms.clock.learn(NOW - DAY_MS, 6)
    terminal.refuses(OVER, 6)
    Terminal(terminal.flash, NOW - DAY_MS).refuses(OVER)
    Terminal(terminal.flash, 0).refuses(OVER)
    nobody = Terminal(provisioned(), 0)
    nobody.licences.keep(KID, KEY, (1, 0, NOW, 0))
    nobody.refuses(NO_TIME)


def test_x13_what_was_watched_is_over_for_good_where_nobody_tells_the_time_any_more():
    terminal = holding(1, 0, 0, 3600)
    watched = 0
    for _ in range(70):  # starts, of which each watches a minute
        try:
            terminal.key()
        except RemoteError:
            break
        watched += 1
        terminal.terms.over(KEEP_MS)
        terminal = Terminal(terminal.flash, 0)
    assert watched == 60


def test_x14_a_right_that_comes_again_is_as_it_was_used_and_a_newer_one_is_new():
    terminal = holding(3, 0, 0, 3600)
    terminal.key()
    terminal.licences.keep(KID, KEY, (3, 0, 0, 3600))
    terminal.refuses(OVER, HOUR_MS)
    terminal.licences.keep(KID, KEY, (2, 0, 0, 0))
    terminal.refuses(OVER, HOUR_MS)
    terminal.licences.keep(KID, KEY, (4, 0, 0, 3600))
    assert bytes(terminal.key(HOUR_MS)) == KEY
    terminal.licences.keep(KID, KEY)
    assert bytes(terminal.key(9 * DAY_MS)) == KEY, "bought for good"
    terminal.licences.keep(KID, KEY, (5, 0, 1, 0))
    assert bytes(terminal.key(9 * DAY_MS)) == KEY


def test_x14_records_that_are_put_back_are_refused():
    terminal = holding(1, 0, 0, 3600)
    backup = dict(terminal.flash.files)
    terminal.key()
    terminal.terms.clock.learn(NOW + DAY_MS, 0)
    terminal.flash.files.clear()
    terminal.flash.files.update(backup)
    keystore, _, wrong = started(terminal.flash)
    assert "roll-back" in wrong
    with raises(RemoteError):
        Licences(Records(keystore, "titles")).key(KID, lambda name, data: data)
    with raises(RemoteError):
        TermClock(Records(keystore, "titles"))


def test_a_right_is_sealed_and_other_records_are_none():
    terminal = holding(1, 0, 0, 3600)
    assert not any([KEY in bytes(data) for data in terminal.flash.files.values()])
    assert Terms(records_of(terminal.flash)).use("x", b"\x02" + KID + bytes(20), 0) is None


def test_the_shops_rights_and_time_reach_the_title_which_ends_when_its_right_does():
    bench = Bench()
    bench.shop.content = CENC
    bench.shop.says[wire.CONTENT] = lambda title: content_of(CENC)
    bench.shop.says[wire.BUY] = lambda title, price: right(title, terms=(1, 0, NOW + 20000, 0))
    bench.shop.says[wire.BALANCE] = lambda: struct.pack(">Q", 1)
    bench.go("shop buy 1")
    assert words(bench.go("shop download 1"))[-1] == "shop_downloaded"
    assert words(bench.ask("shop play 1", *TITLE_OVER))[-1] == "title_ended"
    more = slow(bench, 2)
    bench.board.console.lines.append("shop play 1")
    assert "title_playing" in words(more(200))
    said = []
    for _ in range(25):
        bench.board.chip.room += 32
        said += bench.turn(1, 1000)
    assert "title_dark " + OVER in said
    bench.board.chip.room = 1 << 20
    bench.turn(20)
    bench.shop.now_ms = NOW + 90000
    bench.go("shop balance")
    assert "title_dark " + OVER in bench.ask("shop play 1", *TITLE_OVER)
    bench.again()
    assert "title_dark " + OVER in bench.ask("shop play 1", *TITLE_OVER)


def test_dates_are_those_of_greenwich():
    from settop.titles.dates import date

    for unix_s, text in (
        (0, "1970-01-01 00:00"),
        (951782400, "2000-02-29 00:00"),
        (951868799, "2000-02-29 23:59"),
        (1800000000, "2027-01-15 08:00"),
        (4107542400, "2100-03-01 00:00"),
        (253402300799, "9999-12-31 23:59"),
    ):
        assert date(1000 * unix_s) == text
