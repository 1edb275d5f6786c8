"""Looking up names: one server after another, true answers alone, and never a wait."""

import struct

from kit import raises
from net_rig import Net, Select
from settop.errors import LocalError
from settop.net.names import CACHE_ENTRIES, KEPT_S, MAX_PENDING, MAX_WRONG, Names
from settop.net.sockets import Sockets
from settop.wire.dns import pack_name

SERVERS = ("10.0.2.3", "10.0.2.4")


class Chance:
    """Octets that differ from call to call."""

    def __init__(self):
        self.state = 1

    def __call__(self, count):
        out = bytearray(count)
        for at in range(count):
            self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
            out[at] = self.state >> 16 & 0xFF
        return bytes(out)


def rig(servers=SERVERS):
    net = Net()
    return Names(servers, Chance(), Sockets(net, Select())), net


def answer(question, addresses=("10.0.2.2",), code=0, ttl=60):
    records = b""
    for address in addresses:
        numbers = bytes([int(part) for part in address.split(".")])
        records += b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, ttl, 4) + numbers
    return question[:2] + struct.pack(">5H", 0x8180 | code, 1, len(addresses), 0, 0) + question[12:] + records


def reply(net, at=-1, source=None, **how):
    """The server answers what that socket asked last."""
    line = net.made[at]
    question, server = line.sent[-1]
    line.incoming.append((answer(question, **how), source or server))


def test_a_name_is_asked_for_and_answered():
    names, net = rig()
    lookup = names.look_up("Shop.Example", 0)
    assert not lookup.done and len(net.made) == 1
    question, server = net.made[0].sent[0]
    assert server == ("10.0.2.3", 53) and pack_name("shop.example") in question
    assert names.step(10) == 1500 and not lookup.done
    reply(net)
    assert names.step(20) is None
    assert lookup.done and lookup.addresses == ["10.0.2.2"] and lookup.failure == "" and net.open() == []


def test_numbers_go_through_without_a_question():
    names, net = rig()
    assert names.look_up("10.0.2.15", 0).addresses == ["10.0.2.15"] and net.made == []


def test_an_answer_is_kept_as_long_as_it_lives():
    names, net = rig()
    names.look_up("shop", 0)
    reply(net, ttl=60)
    names.step(100)
    assert names.look_up("SHOP", 60099).addresses == ["10.0.2.2"] and len(net.made) == 1
    assert not names.look_up("shop", 60100).done and len(net.made) == 2


def test_the_cache_holds_so_many_and_drops_what_would_end_first():
    names, net = rig()
    for number in range(CACHE_ENTRIES + 1):
        names.look_up("host%d" % number, 0)
        reply(net, ttl=100 + number if number else 10)
        names.step(0)
    made = len(net.made)
    assert names.look_up("host1", 1).done and names.look_up("host8", 1).done and len(net.made) == made
    assert not names.look_up("host0", 1).done


def test_every_try_has_a_random_id_and_port():
    names, net = rig()
    names.look_up("shop", 0)
    for now_ms in (1500, 4000, 8000):
        names.step(now_ms)
    assert len(net.made) == 4
    assert len({line.sent[0][0][:2] for line in net.made}) == 4
    ports = [line.port for line in net.made]
    assert len(set(ports)) == 4 and all(49152 <= port <= 65535 for port in ports)
    assert [line.sent[0][1][0] for line in net.made] == ["10.0.2.3", "10.0.2.4", "10.0.2.3", "10.0.2.4"]


def test_a_name_service_that_does_not_answer_is_given_up_in_bounded_time():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    now_ms = 0
    while not lookup.done:
        due_ms = names.step(now_ms)
        assert due_ms is None or due_ms > now_ms
        now_ms = due_ms or now_ms
    assert lookup.failure == "the name service does not answer" and lookup.addresses is None
    assert now_ms == 1500 + 2250 + 3375 + 5062 and len(net.made) == 4 and net.open() == []
    assert names.step(now_ms) is None


def test_no_server_and_no_way_to_one_are_failures_too():
    names, net = rig(())
    assert names.look_up("shop", 0).failure == "no name service is known" and net.made == []
    assert names.step(0) is None
    names, net = rig()
    lookup = names.look_up("shop", 0)
    net.made[0].unreachable = True
    names.step(1500)
    reply(net)
    names.step(1600)
    assert lookup.addresses == ["10.0.2.2"]


def test_a_name_that_there_is_not_is_told_at_once():
    names, net = rig()
    for how in ({"code": 3, "addresses": ()}, {"addresses": ()}):
        lookup = names.look_up("shop", 0)
        reply(net, **how)
        names.step(0)
        assert lookup.failure == "there is no such name, or it has no address" and net.open() == []


def test_a_server_that_fails_has_the_next_one_asked_at_once():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    reply(net, code=2, addresses=())
    names.step(10)
    assert len(net.made) == 2 and net.made[0].closed and net.made[1].sent[0][1][0] == "10.0.2.4"
    reply(net)
    names.step(20)
    assert lookup.addresses == ["10.0.2.2"]


def test_an_answer_from_anywhere_else_is_not_believed():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    for source in (("10.0.2.4", 53), ("10.0.2.3", 54), ("6.6.6.6", 53)):
        reply(net, source=source, addresses=("6.6.6.6",))
    names.step(0)
    assert not lookup.done
    reply(net)
    names.step(0)
    assert lookup.addresses == ["10.0.2.2"]


def test_an_answer_with_another_id_or_question_is_not_believed():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    question, server = net.made[0].sent[0]
    other = bytes((question[0] ^ 1,)) + question[1:]
    net.made[0].incoming.append((answer(other, ("6.6.6.6",)), server))
    net.made[0].incoming.append((answer(question.replace(b"shop", b"shoq"), ("6.6.6.6",)), server))
    net.made[0].incoming.append((question, server))
    net.made[0].incoming.append((b"", server))
    names.step(0)
    assert not lookup.done
    reply(net)
    names.step(0)
    assert lookup.addresses == ["10.0.2.2"]


def test_a_flood_of_wrong_answers_brings_another_id_and_port():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    for _ in range(100):
        reply(net, source=("6.6.6.6", 53), addresses=("6.6.6.6",))
    steps = 0
    while len(net.made) == 1:
        names.step(0)
        steps += 1
    assert steps == MAX_WRONG // 4 and net.made[0].closed
    reply(net)
    names.step(0)
    assert lookup.addresses == ["10.0.2.2"]


def test_a_flood_takes_nothing_of_a_look_ups_time_and_tries():
    names, net = rig()
    lookup = names.look_up("shop", 0)
    due_ms = names.step(0)
    for count in range(1, 20):
        for _ in range(MAX_WRONG):
            reply(net, source=("6.6.6.6", 53), addresses=("6.6.6.6",))
        while len(net.made) == count:
            assert names.step(100) == due_ms
        assert net.made[-1].sent[0][1] == ("10.0.2.3", 53) and not lookup.done
    assert len({line.sent[0][0][:2] for line in net.made}) > 10 < len({line.port for line in net.made})
    names.step(due_ms)
    assert net.made[-1].sent[0][1] == ("10.0.2.4", 53)
    reply(net)
    names.step(due_ms)
    assert lookup.addresses == ["10.0.2.2"] and net.open() == []


def test_a_socket_that_asks_is_the_servers_alone_where_the_port_can_do_that():
    names, net = rig()
    names.look_up("shop", 0)
    assert net.made[0].peer == ("10.0.2.3", 53)


def test_an_answer_that_says_that_it_lives_for_years_is_kept_an_hour():
    names, net = rig()
    names.look_up("shop", 0)
    reply(net, ttl=0x7FFFFFFF)
    names.step(0)
    assert names.look_up("shop", 1000 * KEPT_S - 1).done and not names.look_up("shop", 1000 * KEPT_S).done


def test_what_led_to_nobody_is_asked_for_anew():
    names, net = rig()
    for name in ("shop", "film"):
        names.look_up(name, 0)
        reply(net)
        names.step(0)
    names.drop("shop")
    assert names.look_up("film", 1).done and not names.look_up("shop", 1).done


def test_only_so_many_are_asked_for_at_once():
    names, net = rig()
    lookups = [names.look_up("host%d" % number, 0) for number in range(MAX_PENDING)]
    with raises(LocalError):
        names.look_up("another", 0)
    names.forget(lookups[1])
    assert len(net.open()) == MAX_PENDING - 1
    names.look_up("another", 0)
    with raises(LocalError):
        names.look_up("not a name", 0)


def test_another_link_has_other_servers_and_what_the_old_ones_said_is_forgotten():
    names, net = rig()
    lookup = names.look_up("shop.example", 0)
    reply(net)
    names.step(10)
    assert names.look_up("shop.example", 20).done
    pending = names.look_up("film.example", 20)
    names.use(("192.0.2.53",))
    names.step(20 + 1500)
    assert net.made[-1].sent[-1][1] == ("192.0.2.53", 53)
    assert not names.look_up("shop.example", 1600).done and lookup.done and not pending.done
    names.look_up("kept.example", 1600)
    reply(net)
    names.step(1600)
    names.use(("192.0.2.53",))
    assert not names.look_up("kept.example", 1600).done
    names.use(())
    assert names.look_up("play.example", 1700).failure == "no name service is known"


def test_where_no_socket_is_left_the_next_try_may_have_one():
    names, net = rig()
    whole = net.socket

    def none_left(family, kind):
        raise OSError(23)

    net.socket = none_left
    lookup = names.look_up("shop.example", 0)
    assert names.step(0) == 1500 and not lookup.done
    net.socket = whole
    names.step(1500)
    reply(net)
    names.step(1510)
    assert lookup.addresses == ["10.0.2.2"] and net.open() == []
    net.socket = none_left
    lookup = names.look_up("film.example", 2000)
    now_ms = 2000
    while not lookup.done:
        now_ms = names.step(now_ms) or now_ms
    assert lookup.failure == "the name service does not answer"
