"""The link to the network: it comes up, drops, comes back, is given up; whatever the board does."""

from settop.net.link import Link
from settop.net.link_states import TABLE


class Board:
    """A board whose network does as it is told here."""

    def __init__(self, state="down"):
        self.state = state
        self.ups = self.steps = 0
        self.broken = False

    def network_up(self):
        self.ups += 1
        if self.broken:
            raise OSError(19)

    def network_state(self):
        return self.state

    def network_step(self):
        self.steps += 1


class Bare:
    """A board of before there were networks."""


def half(count):
    return b"\x80" * count


def events(link):
    found = []
    while True:
        event = link.next_event()
        if event is None:
            return found
        found.append(event)


def test_a_board_without_network_stays_without():
    for board in (Board("none"), Bare()):
        link = Link(board, half)
        link.want(0)
        assert link.step(0) is None and link.state == "none" and events(link) == []


def test_nothing_is_done_until_somebody_wants_it():
    board = Board()
    link = Link(board, half)
    assert link.step(0) is None and (board.ups, board.steps, link.state) == (0, 0, "down")


def test_it_comes_up_and_is_told_once():
    board = Board()
    link = Link(board, half)
    link.want(100)
    assert (board.ups, link.state) == (1, "coming_up")
    assert link.step(100) == 30100
    link.want(150)
    assert board.ups == 1
    board.state = "up"
    assert link.step(200) is None and link.state == "up"
    link.step(300)
    assert events(link) == [("up",)] and board.steps == 3


def test_a_link_that_drops_is_brought_up_again():
    board = Board("up")
    link = Link(board, half)
    link.want(0)
    link.step(0)
    board.state = "down"
    assert link.step(50) == 50 + 1125
    assert link.state == "backing_off" and link.drops == 1
    link.step(1174)
    assert board.ups == 1
    link.step(1175)
    assert (board.ups, link.state) == (2, "coming_up")
    board.state = "up"
    link.step(1300)
    assert events(link) == [("up",), ("down",), ("retry", 1125), ("up",)]


def test_a_network_that_gives_no_address_is_tried_ever_more_rarely_and_then_left():
    board = Board()
    link = Link(board, half, up_ms=1000, tries=8, longest_ms=20000)
    link.want(0)
    now_ms = 0
    while link.state != "failed":
        due_ms = link.step(now_ms)
        assert due_ms is None or due_ms > now_ms
        now_ms = due_ms or now_ms
    waits = [event[1] for event in events(link) if event[0] == "retry"]
    assert waits == [1125, 2250, 4500, 9000, 18000, 22500, 22500] and board.ups == 8
    assert link.step(10**7) is None and board.ups == 8
    link.want(10**7)
    assert (board.ups, link.state) == (9, "coming_up")


def test_nothing_goes_on_once_it_is_given_up():
    board = Board()
    said = []
    board.network_down = lambda: said.append("down")
    link = Link(board, half, up_ms=1000, tries=1)
    link.want(0)
    link.step(1000)
    assert (link.state, said) == ("failed", ["down"])


def test_what_a_try_has_left_is_taken_down_before_the_next():
    board = Board()
    said = []
    board.network_down = lambda: said.append("down")
    board.network_up = lambda: said.append("up")
    link = Link(board, half, up_ms=1000)
    link.want(0)
    link.step(1000)
    link.step(1000 + 1125)
    assert said == ["up", "down", "up"] and link.state == "coming_up"


def test_a_link_that_nobody_wants_any_more_ends_at_once_in_every_state():
    for state in ("coming_up", "up", "backing_off", "failed"):
        board = Board()
        said = []
        board.network_down = lambda said=said: said.append("down")
        link = Link(board, half, up_ms=1000, tries=1 if state == "failed" else 8)
        link.want(0)
        board.state = "up" if state == "up" else "down"
        due_ms = link.step(0)
        if state in ("backing_off", "failed"):
            link.step(due_ms)
        assert link.state == state
        events(link)
        said.clear()
        link.leave(2000)
        assert (link.state, said, events(link)) == ("down", ["down"], [("down",)])
        steps = board.steps
        link.leave(2001)
        assert link.step(10**6) is None and (board.steps, said, events(link)) == (steps, ["down"], [])
        assert link.drops == 0


def test_a_link_that_was_let_go_is_wanted_again_with_no_failures_behind_it():
    board = Board()
    link = Link(board, half, up_ms=1000, tries=2)
    link.want(0)
    link.step(1000)
    link.leave(1500)
    link.want(2000)
    assert (link.state, board.ups) == ("coming_up", 2)
    link.step(3000)
    assert events(link) == [("retry", 1125), ("down",), ("retry", 1125)]


def test_a_board_that_raises_when_it_is_let_go_is_let_go():
    board = Board("up")

    def gone():
        raise OSError(19)

    board.network_down = gone
    link = Link(board, half)
    link.want(0)
    link.step(0)
    link.leave(10)
    assert link.state == "down" and events(link) == [("up",), ("down",)]


def test_where_octets_came_there_may_be_more_and_nobody_sleeps():
    board = Board("up")
    link = Link(board, half)
    link.want(0)
    board.network_step = lambda: 1500
    assert link.step(7) == 7
    board.network_step = lambda: 0
    assert link.step(8) is None


def test_it_is_tried_for_ever_where_that_is_wanted():
    board = Board("failed")
    link = Link(board, half, tries=0)
    link.want(0)
    now_ms = 0
    for _ in range(100):
        now_ms = link.step(now_ms) or now_ms
    assert link.state != "failed" and board.ups >= 50 and len(events(link)) <= 16


def test_pauses_differ_by_chance():
    for octet, wait_ms in ((0, 1000), (255, 1249)):
        board = Board("failed")
        link = Link(board, lambda count, octet=octet: bytes((octet,) * count))
        link.want(0)
        link.step(0)
        assert events(link) == [("retry", wait_ms)]


def test_a_link_that_flaps_is_tried_ever_more_rarely_and_a_steady_one_begins_anew():
    board = Board("up")
    link = Link(board, half)
    link.want(0)
    now_ms = 0
    for up_ms, wait_ms in ((10, 1125), (10, 2250), (10, 4500), (40000, 1125)):
        board.state = "up"
        link.step(now_ms)
        assert link.state == "up"
        board.state = "down"
        now_ms += up_ms
        link.step(now_ms)
        assert events(link)[-1] == ("retry", wait_ms)
        now_ms += wait_ms
        link.step(now_ms)


def test_a_board_that_raises_has_failed_and_is_tried_again():
    board = Board()
    board.broken = True
    link = Link(board, half)
    link.want(0)
    assert link.state == "backing_off" and events(link) == [("retry", 1125)]
    board.broken = False
    link.step(1125)
    assert link.state == "coming_up"

    def broken():
        raise OSError(5)

    board.network_step = broken
    link.step(1130)
    assert link.state == "backing_off"


def test_a_link_that_comes_up_by_itself_is_taken():
    board = Board("failed")
    link = Link(board, half, tries=1)
    link.want(0)
    link.step(0)
    assert link.state == "failed" and events(link) == [("failed",)]
    board.state = "up"
    link.step(10)
    assert link.state == "up" and events(link) == [("up",)]


def test_the_table_has_one_row_for_a_state_and_an_input_and_every_action_is_there():
    pairs = [row[:2] for row in TABLE]
    assert len(pairs) == len(set(pairs))
    for row in TABLE:
        assert not row[2] or hasattr(Link, "_" + row[2])
