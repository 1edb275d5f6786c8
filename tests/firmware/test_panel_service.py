# runtimes: cpython unix
"""The service `panel`: by four buttons a person does what the console does, with whole applications behind it."""

import gc
import struct

from docked_rig import TERMINAL, One, bench_with_key
from kit import Skip
from network_rig import lines_of
from settop.wire import shop as wire
from shop_rig import Bench as ShopBench
from shop_rig import content_of, right, text
from title_vectors import CENC, KEY, KID
from titles_rig import samples

TITLE = "titles/7-00112233.mp4"
HOUR_MS = 3600000
NOW = 1800000000000


class Hands:
    """Somebody who holds an application with a panel, and sees its display. turn(count, ms): gives what was said."""

    def __init__(self, app, board, turn):
        self.app = app
        self.board = board
        self.said = []
        self._turn = turn
        self.rows = []
        self.go("display")

    def go(self, *lines):
        """The display behind these strokes, or other console lines."""
        for line in lines:
            self.board.console.lines.append(line if line == "display" or " " in line else "press " + line)
            self.turn(8)
        return self.rows

    def turn(self, count=1, ms=10):
        for line in self._turn(count, ms):
            self.said.append(line)
            if line.split(" ")[0] == "display":
                self.rows = line[8:].split("|")

    def until(self, row, turns=3000):
        """The display that shows this."""
        for _ in range(turns):
            if [one for one in self.rows if row in one]:
                return self.rows
            self.turn()
        raise AssertionError("the display shows " + "|".join(self.rows) + "; " + " # ".join(self.said[-5:]))


def alone(*services, identity=TERMINAL, files=None):
    one = One(identity, services)
    one.board.titles.update(files or {})
    if files:
        one.board.TITLE_FILES = Names(files)

    def turn(count, ms):
        said = []
        for _ in range(count):
            said += one.turn(ms)
        return said

    return one, Hands(one.app, one.board, turn)


class Names:
    """As much of a board's TITLE_FILES as a list of titles needs."""

    def __init__(self, files):
        self._files = files

    def names(self, folder):
        return [path[len(folder) + 1 :] for path in self._files if path.startswith(folder + "/")]


def test_what_is_shown_is_told_when_it_changes_and_only_then():
    _, hands = alone("titles", "panel")
    assert hands.rows == ["ringcast", ">Titles", " Playing", ""]
    del hands.said[:]
    hands.turn(500)
    assert hands.said == [], "nothing changed"
    assert hands.go("down") == ["ringcast", " Titles", ">Playing", ""]
    assert hands.said == ["display ringcast| Titles|>Playing|"]
    hands.go("up", "up", "up")
    assert len(hands.said) == 2


def test_an_unknown_button_is_said_and_changes_nothing():
    _, hands = alone("titles", "panel")
    for line in ("press left", "press", "press up down", "display 1", "press UP"):
        del hands.said[:]
        hands.board.console.lines.append(line)
        hands.turn(5)
        assert hands.said == ["error press takes one of up, down, ok, back; display takes nothing"], line


def test_a_board_s_buttons_are_strokes_and_its_display_gets_the_rows_that_changed():
    class Display:
        rows = 2
        columns = 16

        def __init__(self):
            self.written = []

        def write(self, row, text):
            self.written.append((row, text))

    one = One(TERMINAL, ("titles",))
    display = Display()
    one.board.SERVICES = ("titles", "panel")
    one.board.down = 0
    one.board.buttons = lambda: one.board.down
    one.board.display = lambda: display
    one.start()
    one.turn(10)
    assert display.written == [(0, "ringcast"), (1, ">Titles")]
    for _ in range(10):
        one.turn(10)
    del display.written[:]
    one.board.down = 2
    for _ in range(10):
        one.turn(10)
    assert display.written == [(1, ">Playing")]
    one.board.down = 1 | 4
    for _ in range(200):
        one.turn(10)
    assert display.written == [(1, ">Playing")], "two at once"


def test_the_panel_hears_what_is_said_and_the_console_says_it_as_before():
    one = alone("titles", "panel")[0]
    console = one.app.console.console
    assert console is one.board.console
    one.app.services.get("panel").stop()
    assert one.app.console is console


def test_on_a_terminal_a_title_says_whose_it_is_and_plays():
    one, hands = alone("titles", "panel", files={TITLE: CENC})
    keys = one.app.services.get("titles").keys
    assert hands.go("ok")[:2] == ["Titles", ">Title 7"]
    assert hands.go("ok") == ["Title 7", " no key here", ">Play", ""]
    hands.go("ok")
    assert hands.until("there is no")[0] == "Playing"
    keys.keep(KID, bytearray(KEY))
    assert hands.go("back", "ok", "ok")[1] == " own"
    hands.go("ok")
    hands.until("ended")
    assert len(samples(one)) > 1000
    hands.go("back", "ok", "ok")
    one.board.chip.data = bytearray()
    one.board.chip.room = 100  # it goes on for long
    hands.go("ok")
    hands.until(" plays")
    assert hands.go("ok")[:3] == ["Playing", " paused", ">Resume"]
    assert hands.go("down", "ok")[1] != " paused"
    one.board.chip.room = 100000
    hands.until("stopped")


def test_a_rented_title_says_until_when_and_looking_begins_nothing():
    one, hands = alone("titles", "panel", files={TITLE: CENC})
    keys = one.app.services.get("titles").keys
    keys.learn_time(NOW, 0, True)
    keys.keep(KID, bytearray(KEY), (1, 0, NOW + HOUR_MS, 0))
    assert hands.go("ok", "ok")[1] == " rented to 2027-01-1"
    hands.until("27-01-15 09:00")
    keys.keep(KID, bytearray(KEY), (2, 0, 0, 7200))
    assert hands.go("back", "ok")[1] == " rented, 2 h from fi"
    assert keys.standing(KID, 1000) == "rented, 2 h from first play"
    keys.keep(KID, bytearray(KEY), (3, 0, NOW - 1, 0))
    assert hands.go("back", "ok")[1] == " the right to this t"


def test_a_player_plays_its_copy_by_four_buttons():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    assert bench.transfer("cenc", "own").startswith("transferred")
    player = bench.players[0]
    player.board.SERVICES = ("panel", "titles", "player")
    player.start()

    def turn(count, ms):
        said = []
        for _ in range(count):
            said += player.turn(ms)
        return said

    hands = Hands(player.app, player.board, turn)
    assert hands.rows == ["ringcast", ">Titles", " Playing", ""], "a player has no shop and no other player"
    hands.go("ok")
    assert hands.until(">cenc")[0] == "Titles"
    assert hands.go("ok") == ["cenc", " own, key of its own", ">Play", ""]
    player.board.chip.data = bytearray()
    hands.go("ok")
    hands.until("ended")
    assert len(samples(player)) > 1000


def test_on_the_terminal_a_copy_is_put_onto_the_docked_player():
    bench = bench_with_key()
    terminal = bench.terminal
    terminal.board.titles[TITLE] = CENC
    terminal.board.TITLE_FILES = Names({TITLE: CENC})
    terminal.board.SERVICES = ("titles", "panel", "dock")
    terminal.start()
    bench.turn(1)

    def turn(count, ms):
        bench.turn(count, ms)
        said, bench.said = bench.said, []
        return said

    hands = Hands(terminal.app, terminal.board, turn)
    assert hands.go("down", "down", "ok") == ["Player", " no player is docked", "", ""]
    assert hands.go("back", "up", "up", "ok", "ok")[2:] == [">Play", " Copy to player"]
    assert hands.go("down", "ok", "ok")[0].startswith("no player is docked")
    hands.go("ok", "back", "back", "back")
    bench.dock()
    hands.turn(300)
    hands.go("ok", "ok", "down", "ok")
    assert hands.rows == ["Copy it how?", " docked", ">As bought", " Key of its own"]
    hands.go("ok")
    hands.until("The copy is on the")
    hands.go("ok", "ok")
    assert hands.until("7-00112233.mp4")[0] == "Copies"
    hands.go("ok", "ok", "down", "ok")
    hands.until("The copy is deleted")
    assert not bench.players[0].board.COPIES.files


def shop_bench():
    bench = ShopBench(("network", "titles", "shop", "panel"))
    says = bench.shop.says
    says[wire.SIGN_UP] = says[wire.BALANCE] = lambda *values: struct.pack(">Q", 70)
    says[wire.LIST] = lambda *what: b"\0\0" + struct.pack(">IIB", 7, 30, 0) + text("Song X", "Jazz")
    says[wire.TASTES] = lambda after: b"\0\0" + struct.pack(">IB", 20, 1) + text("Free Jazz")
    says[wire.BUY] = lambda title, price: right(title)
    says[wire.CONTENT] = lambda title: content_of(CENC)
    says[wire.RESTORE] = lambda after: b"\0\0" + right(7)
    bench.go("shop register ann secret")
    lines_of(bench.board)
    return bench, Hands(bench.app, bench.board, bench.turn)


def test_a_title_is_found_bought_downloaded_and_played_by_four_buttons():
    bench, hands = shop_bench()
    hands.go("down", "down", "ok", "ok")
    hands.until("Balance: 70 units")
    assert hands.go("ok")[:2] == ["Shop", ">Balance"]
    hands.go("down", "down", "ok")
    hands.until(">Free Jazz")
    hands.go("ok")
    assert hands.until(">Song X")[0] == "Catalogue"
    assert bench.shop.asked[-1] == (wire.LIST, [0, "Free Jazz", ""])
    assert hands.go("ok", "ok") == ["Song X", " 30 units", ">No", " Yes, for 30"]
    assert not [one for one in bench.shop.asked if one[0] == wire.BUY]
    hands.go("down", "ok")
    hands.until("is yours")
    assert bench.shop.asked[-1] == (wire.BUY, [7, 30])
    hands.go("ok")
    hands.until("The title is here.")
    hands.go("ok", "back", "up", "up", "ok")
    hands.until("Title 7")
    assert hands.go("ok")[1] == " own"
    before = len(bench.board.chip.data)
    hands.go("ok")
    hands.until("ended")
    assert len(bench.board.chip.data) > before + 1000


def test_what_the_shop_refuses_or_does_not_answer_is_shown():
    bench, hands = shop_bench()
    bench.shop.says[wire.BUY] = lambda title, price: ("price-changed", 0, "it costs 40 units by now")
    hands.go("down", "down", "ok", "down", "ok")
    hands.until(">Song X")
    hands.go("ok", "ok", "down", "ok")
    assert hands.until("it costs 40 units by")[1] == "now"
    hands.go("ok", "back", "back")
    bench.shop.spoils = lambda octets: octets[:-1]
    hands.go("ok")
    hands.until("is not the")
    assert hands.go("back")[0] == "Shop"
    bench.board.network.state = "failed"
    assert hands.go("ok") == ["Catalogue", " ...", "", ""], "the network may come back"
    assert hands.go("back")[0] == "Shop" and bench.service.errand is None


def test_who_strikes_without_end_grows_no_memory():
    if not hasattr(gc, "mem_alloc"):
        raise Skip("this Python does not count its heap")
    bench, hands = shop_bench()

    def round_of(times):
        for _ in range(times):
            for name in ("up", "up", "up", "down", "down", "ok", "down", "ok"):
                bench.board.console.lines.append("press " + name)
                hands.turn(3)
            for _ in range(60):
                hands.turn(1)
            for _ in range(5):
                bench.board.console.lines.append("press back")
                hands.turn(3)
            board = bench.board
            for kept in (hands.said, bench.requests, bench.shop.asked, board.console.said, board.net.made):
                del kept[:]
            del board.network.said[:]
        gc.collect()
        return gc.mem_alloc()

    used = [round_of(4) for _ in range(5)]
    assert max(used[2:]) <= used[1] + 512, used


class Short:
    """A panel's core in which that goes wrong."""

    page = "home"

    def __init__(self, error):
        self._error = error

    def told(self, event, text):
        raise self._error

    def stroke(self, name):
        raise self._error

    def step(self):
        raise self._error

    def give_up(self):
        pass

    def view(self):
        return []


def test_a_panel_that_finds_no_memory_lets_the_others_go_on_and_goes_on_itself():
    one, hands = alone("titles", "panel")
    panel = one.app.services.get("panel")
    core, panel._panel = panel._panel, Short(MemoryError())
    del hands.said[:]
    hands.go("ok", "licence forget 00")
    assert "error there is no memory for it" in hands.said
    assert "error a key id has 32 hex digits" in hands.said
    panel._panel = core
    assert hands.go("down")[2] == ">Playing"


def test_a_bug_in_it_stops_the_panel_alone():
    one, hands = alone("titles", "panel")
    one.app.services.get("panel")._panel = Short(KeyError("x"))
    hands.go("licence forget 00")
    assert "error a key id has 32 hex digits" in hands.said
    assert one.app.services.get("panel") is None and one.app.services.get("titles") is not None
    assert one.app.console is one.board.console
    assert [line for line in hands.said if line.startswith("error service panel has stopped: KeyError")]


def test_a_name_that_looks_like_a_value_is_a_name():
    bench, hands = shop_bench()
    bench.shop.says[wire.LIST] = lambda *what: b"\0\0" + struct.pack(">IIB", 7, 30, 0) + text("{price}{title}", "")
    hands.go("down", "down", "ok", "down", "ok")
    hands.until(">{price}{title}")
    assert hands.go("ok")[0] == "{price}{title}"


def test_ways_are_called_as_the_dock_has_them():
    from settop.services.panel import reach
    from settop.wire.dock import WAYS

    assert len(reach._WAYS) == len(WAYS)
