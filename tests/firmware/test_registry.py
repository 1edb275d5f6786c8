"""Services side by side: one that is missing, fails while it loads or raises in a turn does not stop the others."""

import sys

from app_rig import KEY, Board, answer, no_secret_in, provisioned_board, start
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.registry import Registry
from settop.services.face import Service


class Good(Service):
    COMMANDS = ("good",)

    def __init__(self):
        self.turns = 0
        self.heard = []

    def step(self, now_ms):
        self.turns += 1
        return now_ms + 7

    def command(self, words, now_ms):
        if len(words) > 1:
            raise RemoteError("good takes no arguments")
        self.heard.append("command")

    def on_event(self, event, now_ms):
        self.heard.append(event[0])

    def status(self):
        return "good=%d" % self.turns


class Bad(Service):
    """Fails in the method that it is told; what it says then has a key in it."""

    COMMANDS = ("bad",)

    def __init__(self, where):
        self.where = where
        self.stopped = False

    def _may_fail(self, method):
        if method in self.where.split():
            raise ValueError(KEY.hex())

    def step(self, now_ms):
        self._may_fail("step")

    def command(self, words, now_ms):
        self._may_fail("command")

    def on_event(self, event, now_ms):
        self._may_fail("on_event")

    def status(self):
        self._may_fail("status")
        return "bad=no"

    def stop(self):
        self.stopped = True
        self._may_fail("stop")


class Terminal:
    def __init__(self):
        self.said = []

    def report(self, event, text=""):
        self.said.append(event + " " + text)


class Module:
    """What `make` gives, in the place of a module of settop.services."""

    def __init__(self, make):
        self.make = make


def registry(**services):
    """A registry that has started these; `make` functions by name."""
    terminal = Terminal()
    made = Registry(terminal, ["modem", "tuner"])
    for name in sorted(services):
        path = "settop.services.%s.service" % name
        for part in ("settop.services.%s" % name, path):
            sys.modules[part] = Module(services[name])
        try:
            made.start(name)
        finally:
            for part in ("settop.services.%s" % name, path):
                del sys.modules[part]
    return made, terminal


def failing(where):
    def make(terminal):
        return Bad(where)

    return make


def test_a_service_that_raises_in_its_turn_is_reported_once_and_the_others_go_on():
    for where in ("step", "on_event", "command", "status"):
        good = Good()
        services, terminal = registry(a_bad=failing(where), good=lambda terminal, good=good: good)
        bad = services.get("a_bad")
        for now_ms in (1, 2, 3):
            assert services.step(now_ms) == now_ms + 7
            services.on_event(("portion", 1), now_ms)
            services.command(["bad"], now_ms)
            services.status()
        assert good.turns == 3 and good.heard == ["portion"] * 3
        assert len(terminal.said) == 1 and terminal.said[0].startswith(
            "error service a_bad has stopped: ValueError in "
        )
        assert "test_registry.py:" in terminal.said[0] and KEY.hex() not in terminal.said[0]
        assert bad.stopped and services.get("a_bad") is None
        assert services.status() == "good=3" and services.commands() == ["good"]


def test_one_that_does_not_even_clear_up_does_no_harm():
    services, terminal = registry(bad=failing("step stop"))
    assert services.step(1) is None and services.step(2) is None
    assert len(terminal.said) == 2


def test_one_that_is_missing_or_fails_while_it_loads_is_reported_by_name():
    def broken(terminal):
        raise KeyError(KEY.hex())

    services, terminal = registry(broken=broken, good=lambda terminal: Good())
    services.start("nonesuch")
    assert [line.split(":")[0] for line in terminal.said] == [
        "error service broken does not start",
        "error service nonesuch does not start",
    ]
    assert "KeyError in " in terminal.said[0] and KEY.hex() not in terminal.said[0]
    assert "nonesuch" in terminal.said[1].split(":", 1)[1]
    assert services.step(1) == 8


def test_a_wrong_argument_is_the_viewers_to_read_and_stops_nothing():
    services, _ = registry(good=lambda terminal: Good())
    with raises(RemoteError):
        services.command(["good", "9"], 1)
    assert services.command(["good"], 1) and not services.command(["other"], 1)
    assert services.get("good").heard == ["command"]


def test_a_wire_has_one_owner_who_is_named_to_the_second():
    services, _ = registry()
    services.claim("modem", "call")
    services.claim("modem", "call")
    try:
        services.claim("modem", "share")
        raise AssertionError("a second owner")
    except LocalError as error:
        assert str(error) == "share cannot have the modem: call has it"
    with raises(LocalError):
        services.claim("network", "share")


def test_a_service_that_cannot_start_gives_its_wires_back():
    made = []

    def greedy(terminal):
        made[0].claim("modem", "greedy")
        raise LocalError("no")

    terminal = Terminal()
    made.append(Registry(terminal, ["modem"]))
    sys.modules["settop.services.greedy"] = sys.modules["settop.services.greedy.service"] = Module(greedy)
    try:
        made[0].start("greedy")
    finally:
        del sys.modules["settop.services.greedy"], sys.modules["settop.services.greedy.service"]
    made[0].claim("modem", "call")
    assert terminal.said == ["error service greedy does not start: no"]


def test_the_board_says_which_services_there_are():
    for names, first in (((), "unknown command; there are programmes, tune"), (("call",), "there is no call")):
        board = provisioned_board()
        board.SERVICES = names
        app = start(board)
        assert answer(app, board, "hangup")[0].startswith("error " + first)
        assert answer(app, board, "status")[0].startswith("status " + ("call=idle portion=" if names else "portion="))
        del app


def test_a_terminal_whose_one_service_fails_still_answers_and_has_no_key():
    board = provisioned_board()
    app = start(board)
    call = app.services.get("call")
    keyring = app.player.opener.keyring
    keyring.install(0, bytearray(KEY[:16]))
    call._dte = None  # whatever it does next goes wrong
    said = answer(app, board, "status")
    assert said[0].startswith("error service call has stopped: AttributeError in ")
    assert keyring.held() == []
    assert answer(app, board, "call")[0].startswith("error unknown command")
    no_secret_in(board)


def test_a_service_without_its_wire_says_so_and_the_player_plays_on():
    board = Board()
    board.WIRES = {1: "tuner"}
    app = start(board)
    assert "error service call does not start: call needs a UART that leads to a modem" in board.console.said[0]
    assert answer(app, board, "programmes") == ["programmes services=0"]


def test_a_service_that_has_eaten_the_memory_is_stopped_all_the_same():
    """What it holds goes before anything is made; a report that finds no room is left out."""

    class Hungry(Bad):
        def __init__(self):
            Bad.__init__(self, "")
            self.kept = []

        def step(self, now_ms):
            if gc_counts():
                while True:
                    self.kept.append(bytearray(4096))
            raise MemoryError

        def stop(self):
            self.stopped = True
            self.kept = []

    hungry = Hungry()
    services, terminal = registry(hungry=lambda terminal: hungry)
    assert services.step(1) is None and hungry.stopped and services.get("hungry") is None
    assert len(terminal.said) == 1


def gc_counts():
    """Whether the heap has an end."""
    import gc

    return hasattr(gc, "mem_free")


def test_an_errors_own_text_is_never_taken_for_a_place():
    def make(terminal):
        raise ValueError('a\n  File "SECRETKEY", line 77, in x')

    def cut(terminal):
        raise ValueError("a\n  File b")

    _, terminal = registry(cut=cut, long=make)
    assert len(terminal.said) == 2
    for line in terminal.said:
        assert "SECRETKEY" not in line and "ValueError in " in line and "test_registry.py:" in line


def test_answers_that_are_none_stop_a_service_and_nobody_else():
    class Odd(Service):
        def __init__(self, **odd):
            self.odd = odd

        def step(self, now_ms):
            return self.odd.get("step")

    for odd in ({"step": "soon"}, {"step": ()}):
        good = Good()
        services, _ = registry(a_odd=lambda terminal, odd=odd: Odd(**odd), good=lambda terminal, good=good: good)
        for now_ms in (1, 2):
            assert services.step(now_ms) == now_ms + 7
        assert services.busy() == "" and services.refused() == 0


def test_what_an_opener_tells_only_its_own_service_hears():
    class Opener:
        pass

    class Player:
        def add_opener(self, opener):
            self.last = opener

    first, second = Good(), Good()
    first.opener, second.opener = Opener(), Opener()
    Terminal.player = Player()
    try:
        services, _ = registry(a_first=lambda terminal: first, second=lambda terminal: second)
    finally:
        del Terminal.player
    services.on_event(("portion", 1), 5, first.opener)
    services.on_event(("seen", None), 5)
    assert (first.heard, second.heard) == (["portion", "seen"], ["seen"])
