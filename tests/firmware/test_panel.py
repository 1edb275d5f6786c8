# runtimes: cpython unix
"""The panel's core: rows of a display, strokes of buttons, pages and what is said on each."""

from settop.services.panel import pages
from settop.services.panel.buttons import HOLD_MS, STILL_MS, Buttons
from settop.services.panel.core import MOST, Panel
from settop.services.panel.screen import PAUSE_MS, STEP_MS, Screen, wrapped

UP, DOWN, OK, BACK = 1, 2, 4, 8


class Reach:
    """The other services, as the test says. `said`: what was said to them; `why`: what they answer."""

    def __init__(self, *services):
        self.services = services
        self.said = []
        self.why = ""
        self.there = []
        self.work = False
        self.moving = ()
        self.plays = ""

    def runs(self, service):
        return service in self.services

    def say(self, words):
        self.said.append(words)
        return self.why

    def titles(self):
        for row in self.there:
            yield None
            yield row

    def right(self, values):
        return "own"

    def sounds(self, how):
        return how == self.plays or (how == "sounds" and bool(self.plays))

    def sound(self):
        return self.plays

    def at_work(self):
        return self.work

    def moves(self, what):
        return what in self.moving

    def told(self, what):
        return what


def shown(panel):
    return [mark + text for mark, text, _ in panel.view()]


def go(panel, *strokes):
    for name in strokes:
        panel.stroke(name)
        while panel.step():
            pass
    return shown(panel)


def shop_panel():
    reach = Reach("titles", "shop")
    panel = Panel(reach)
    go(panel, "down", "down", "ok")
    assert panel.page == "shop"
    return reach, panel


def in_catalogue(count=2):
    reach, panel = shop_panel()
    go(panel, "down", "ok")
    for number in range(count):
        panel.told("shop_title", "title=%d price=30 bought=0 taste=none Song %d" % (number + 1, number + 1))
    panel.told("shop_listed", "count=%d" % count)
    return reach, panel


# --- the display ------------------------------------------------------------------------------------------------------


def test_only_rows_that_changed_are_drawn():
    screen = Screen()
    screen.show([("", "one", False), (">", "two", True)], 0)
    assert screen.draw(0) == [0, 1] and screen.drawn == ["one", ">two", "", ""]
    screen.show([("", "one", False), (">", "three", True)], 0)
    assert screen.draw(0) == [1] and screen.draw(1) == []


def test_a_long_row_moves_to_its_end_once_and_comes_back():
    screen = Screen(2, 8)
    screen.show([("", "a long heading", False), (">", "0123456789", True)], 0)
    screen.draw(0)
    assert screen.drawn == ["a long h", ">0123456"]
    assert screen.draw(PAUSE_MS - 1) == [] and screen.draw(PAUSE_MS) == [1]
    assert screen.drawn[1] == ">1234567"
    seen = []
    now_ms = PAUSE_MS
    while screen.due_ms() is not None:
        assert screen.due_ms() - now_ms in (STEP_MS, PAUSE_MS)
        now_ms = screen.due_ms()
        screen.draw(now_ms)
        seen.append(screen.drawn[1])
    assert seen == [">2345678", ">3456789", ">0123456"]


def test_names_do_nothing_to_a_display_or_to_its_line_on_the_console():
    screen = Screen(1, 12)
    screen.show([("", "a|b\x1b[2Jc\r\n", False)], 0)
    screen.draw(0)
    assert screen.drawn == ["a/b [2Jc  "]


def test_texts_are_broken_between_words_and_words_where_they_must():
    assert wrapped("the title is here", 9) == ["the title", "is here"]
    assert wrapped("0123456789abcdefghij", 10) == ["0123456789", "abcdefghij"]
    assert wrapped("a 0123456789abc d", 10) == ["a", "0123456789", "abc d"]
    assert wrapped("", 10) == [""]


# --- buttons ----------------------------------------------------------------------------------------------------------


def looks(buttons, bits, start_ms, length_ms, step_ms=5):
    found = [buttons.look(bits, at_ms) for at_ms in range(start_ms, start_ms + length_ms, step_ms)]
    return [name for name in found if name is not None]


def fresh():
    buttons = Buttons()
    assert looks(buttons, 0, 0, 100) == []
    return buttons


def test_a_button_is_one_stroke_however_its_contacts_bounce():
    buttons = fresh()
    for at_ms in range(100, 118, 3):
        assert buttons.look(OK if at_ms % 2 else 0, at_ms) is None
    assert looks(buttons, OK, 120, 100) == ["ok"]
    for at_ms in range(220, 240, 3):
        assert buttons.look(OK if at_ms % 2 else 0, at_ms) is None
    assert looks(buttons, 0, 240, 100) == []
    assert looks(buttons, BACK, 340, 100) == ["back"]


def test_a_touch_that_is_too_short_is_none():
    buttons = fresh()
    assert looks(buttons, UP, 100, STILL_MS - 5) == [] and looks(buttons, 0, 120, 100) == []


def test_two_at_once_are_no_stroke_nor_is_what_remains_of_them():
    buttons = fresh()
    assert looks(buttons, UP | OK, 100, 100) == []
    assert looks(buttons, OK, 200, 200) == []
    assert looks(buttons, 0, 400, 50) == [] and looks(buttons, OK, 450, 50) == ["ok"]


def test_a_second_one_beside_a_first_is_none():
    buttons = fresh()
    assert looks(buttons, DOWN, 100, 100) == ["down"]
    assert looks(buttons, DOWN | BACK, 200, 2000) == []


def test_a_held_button_goes_on_up_and_down_and_confirms_nothing_twice():
    buttons = fresh()
    assert looks(buttons, OK, 100, 10000) == ["ok"]
    looks(buttons, 0, 10100, 100)
    again = looks(buttons, DOWN, 10200, HOLD_MS + 500)
    assert set(again) == {"down"} and 3 <= len(again) <= 5


def test_a_button_that_is_held_at_the_start_counts_once_it_was_up():
    buttons = Buttons()
    assert looks(buttons, OK, 0, 5000) == []
    looks(buttons, 0, 5000, 50)
    assert looks(buttons, OK, 5050, 50) == ["ok"]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_every_page_is_reached_and_every_way_leads_to_a_page():
    names = [page[0] for page in pages.PAGES]
    assert len(set(names)) == len(names)
    reached = {"home", "said"} | {row[4] for row in pages.ROWS} | {row[2] for row in pages.OUTCOMES if row[2]}
    assert reached - {"-"} == set(names)
    for page in pages.PAGES:
        assert page[1] in ("menu", "list", "wait", "text")
        assert (page[1] == "list") == bool(page[5]) and (page[3] in names or page[0] in ("home", "said"))
        for name in ("up", "down", "ok", "back"):
            found = [row for row in pages.STROKES if row[:2] == (page[1], name)]
            assert len(found) == 1 and hasattr(Panel, found[0][2])
        if page[1] == "list":
            assert pages.fields_of(page[5]) and [row[0] for row in pages.ROWS].count(page[0]) == 1


def test_a_menu_has_what_the_services_that_run_can_do():
    assert shown(Panel(Reach("titles"))) == ["ringcast", ">Titles", " Playing"]
    assert shown(Panel(Reach("titles", "shop", "dock")))[1:] == [">Titles", " Playing", " Shop"]


def test_the_cursor_stays_inside_and_its_row_is_always_seen():
    panel = Panel(Reach("titles", "shop", "dock"))
    assert go(panel, "up")[1] == ">Titles"
    assert go(panel, "down", "down", "down", "down", "down")[-1] == ">Player"
    small = Panel(Reach("titles", "shop", "dock"), 2, 16)
    assert go(small, "down", "down") == ["ringcast", ">Shop"]


def test_a_title_is_chosen_and_played_and_stopped():
    reach = Reach("titles")
    reach.there = [["Song A", "0a0b", "own"], ["Song B", "0c0d", "tenth"]]
    panel = Panel(reach)
    assert go(panel, "ok") == ["Titles", ">Song A", " Song B"]
    assert go(panel, "down", "ok") == ["Song B", " own", ">Play"]
    go(panel, "ok")
    assert reach.said == [["hear", "0c0d"]] and panel.page == "playing"
    reach.plays = "plays"
    assert shown(panel) == ["Playing", " plays", ">Pause", " Stop"]
    go(panel, "down", "ok")
    assert reach.said[1] == ["stop"]
    reach.plays = ""
    panel.told("title_stopped", "")
    assert shown(panel) == ["Playing", " stopped"]
    assert go(panel, "back")[0] == "ringcast"


def test_why_it_does_not_play_is_shown():
    reach = Reach("titles")
    reach.there = [["Song", "titles/1-aa b.mp4", ""]]
    reach.why = "a title is playing: say stop first"
    panel = Panel(reach)
    assert go(panel, "ok", "ok", "ok") == ["a title is playing:", "say stop first"]
    assert reach.said == [["play", "titles/1-aa b.mp4"]]
    assert go(panel, "ok")[0] == "Song", "back where it was"
    reach.why = ""
    go(panel, "ok")
    panel.told("title_dark", "there is no key for this title")
    assert shown(panel) == ["Playing", " there is no key for this title"]


def test_a_list_is_nothing_or_comes_in_parts():
    reach = Reach("titles")
    panel = Panel(reach)
    panel.stroke("ok")
    assert shown(panel) == ["Titles", " ..."]
    assert not panel.step() and shown(panel) == ["Titles", " nothing"]
    assert go(panel, "ok", "down", "ok") == ["Titles", " nothing"]
    reach.there = [["Song %d" % number, str(number), ""] for number in range(MOST + 3)]
    go(panel, "back", "ok")
    for _ in range(2 * MOST):
        go(panel, "down")
    assert shown(panel)[-1] == ">more..."
    assert go(panel, "ok")[1:] == [">Song %d" % MOST, " Song %d" % (MOST + 1), " Song %d" % (MOST + 2)]


def test_a_catalogue_comes_line_by_line_and_its_rest_is_asked_for():
    reach, panel = in_catalogue(MOST + 2)
    assert reach.said == [["shop", "list"]]
    assert shown(panel)[:2] == ["Catalogue", ">Song 1"]
    for _ in range(MOST):
        go(panel, "down")
    go(panel, "ok")
    assert reach.said == [["shop", "list"], ["shop", "list"]] and shown(panel) == ["Catalogue", " ..."]
    for number in range(MOST + 2):
        panel.told("shop_title", "title=%d price=30 bought=0 taste=none Song %d" % (number + 1, number + 1))
    panel.told("shop_listed", "count=1")
    assert shown(panel) == ["Catalogue", ">Song %d" % (MOST + 1), " Song %d" % (MOST + 2)]


def test_nothing_is_bought_before_its_price_was_shown_and_confirmed():
    reach, panel = in_catalogue()
    assert go(panel, "down", "ok") == ["Song 2", " 30 units", ">Buy", " Rent"]
    assert go(panel, "ok") == ["Song 2", " 30 units", ">No", " Yes, for 30"]
    assert go(panel, "ok")[2] == ">Buy", "the first row is no"
    assert reach.said == [["shop", "list"]]
    go(panel, "ok", "down", "ok")
    assert reach.said[1:] == [["shop", "buy", "2", "30"]] and panel.page == "buying"
    panel.told("shop_bought", "title=2 new=1 kid=00 Song 2")
    assert shown(panel) == ["Song 2", " is yours", ">Download"]
    assert go(panel, "back")[0] == "Catalogue"
    assert go(panel, "ok")[1:] == [" yours already", ">Download", " Bring the key"]


def test_what_the_shop_refuses_is_read_and_leads_back():
    panel = in_catalogue()[1]
    go(panel, "ok", "ok", "down", "ok")
    panel.told("shop_refused", "code=no-units wait_ms=0 there are 5 units, and it takes 30")
    assert shown(panel) == ["there are 5 units,", "and it takes 30"]
    assert go(panel, "back")[0] == "Song 1" and panel.page == "ware"


def test_an_offer_with_an_end_is_rented_for_the_price_that_was_shown():
    reach, panel = in_catalogue()
    go(panel, "ok", "down", "ok")
    assert reach.said[-1] == ["shop", "offers", "1"]
    panel.told("shop_offer", "offer=9 price=5 begins=0 ends=1800000000000 seconds=7200")
    panel.told("shop_listed", "count=1")
    said = "5 units, 2 h from first play, to 2027-01-15 08:00"
    assert shown(panel) == ["Song 1", ">" + said]
    assert go(panel, "ok") == ["Song 1", " " + said, ">No", " Yes, for 5"]
    go(panel, "down", "ok")
    assert reach.said[-1] == ["shop", "rent", "1", "9", "5"]


def test_who_leaves_a_list_that_is_awaited_gives_it_up():
    reach, panel = shop_panel()
    reach.work = True
    go(panel, "down", "ok", "back")
    assert reach.said == [["shop", "list"], ["shop", "cancel"]] and panel.page == "shop"
    panel.told("shop_failed", "given up")
    assert panel.page == "shop"


def test_a_download_goes_on_when_its_page_is_left_and_is_told_when_it_is_there():
    reach, panel = in_catalogue()
    go(panel, "ok", "ok", "down", "ok")
    panel.told("shop_bought", "title=1 new=1 kid=00 Song 1")
    go(panel, "ok")
    reach.work = True
    reach.moving = ("download",)
    assert reach.said[-1] == ["shop", "download", "1"] and shown(panel) == ["Download", " download", ">Stop"]
    go(panel, "back")
    assert reach.said[-1][1] == "download", "it was not given up"
    assert go(panel, "down", "down")[2] == ">Download"
    go(panel, "ok")
    assert panel.page == "download"
    panel.told("shop_downloaded", "title=1 octets=9 path=x")
    assert shown(panel) == ["The title is here."]


def test_others_words_on_the_console_turn_no_page():
    panel = shop_panel()[1]
    for event, text in (("shop_balance", "units=5"), ("error", "x"), ("shop_bought", "title=1 new=1 kid=0 x")):
        panel.told(event, text)
    assert panel.page == "shop"


def test_a_copy_goes_onto_the_docked_player_and_away_again():
    reach = Reach("titles", "dock")
    reach.there = [["Song", "titles/1-a.mp4", ""]]
    reach.moving = ("docked",)
    panel = Panel(reach)
    assert go(panel, "ok", "ok") == ["Song", " own", ">Play", " Copy to player"]
    assert go(panel, "down", "ok")[2:] == [">As bought", " Key of its own"]
    go(panel, "down", "ok")
    assert reach.said == [["transfer", "titles/1-a.mp4", "own"]]
    panel.told("transferred", "id=00 way=own name=x")
    assert shown(panel) == ["The copy is on the", "player."]
    go(panel, "ok")
    assert panel.page == "player"
    go(panel, "ok")
    panel.told("copy", "id=0a0b way=own octets=9 name=a song")
    panel.told("copies", "count=1")
    assert shown(panel) == ["Copies", ">a song"]
    assert go(panel, "ok") == ["a song", " own", ">Delete there"]
    assert go(panel, "ok")[1] == ">No"
    go(panel, "down", "ok")
    assert reach.said[-1] == ["remove", "0a0b"]
    panel.told("removed", "")
    assert shown(panel) == ["The copy is deleted."]
