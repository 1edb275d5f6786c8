"""PPP of the bench's network: who is at the other end, and peers that do not behave."""

import random

import pytest
from settop.errors import LocalError
from testbed.network.network import GATEWAY, TERMINAL
from testbed.network.ppp import framing, ipcp, lcp, options, phases
from testbed.network.ppp.auth import Credentials, chap_value
from testbed.network.ppp.automaton import ACK, ECHO, NAK, REJECT, REQUEST, TERMINATE
from testbed.network.ppp.peer import IP, Peer, Settings

from tests.helpers.network_services import MS, S
from tests.helpers.ppp_talk import ACCOUNTS, RIGHT, Talker, both_up, fetched, line_to_a_server

# --- Who is there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["pap", "chap"])
def test_who_proves_himself_gets_a_link_in_his_name(method):
    demands = Settings(demands=method, accounts=ACCOUNTS)
    line = line_to_a_server(provider=demands, terminal=Settings(credentials=RIGHT, asks_names=True))
    assert both_up(line)
    assert line.provider.peer.caller == b"terminal"
    assert fetched(line)


@pytest.mark.parametrize("method", ["pap", "chap"])
@pytest.mark.parametrize(
    "who", [Credentials(b"terminal", b"wrong"), Credentials(b"nobody", b"a secret of nobody's"), None]
)
def test_who_does_not_prove_himself_gets_none_and_may_try_again(method, who):
    line = line_to_a_server(provider=Settings(demands=method, accounts=ACCOUNTS), terminal=Settings(credentials=who))
    assert not both_up(line, 20)
    assert line.provider.peer.problem == "not proven"
    assert line.provider.peer.caller == b""
    line.terminal.peer = Peer(Settings(credentials=RIGHT), 3)
    assert both_up(line, 20)


@pytest.mark.parametrize("demanded", ["pap", "chap"])
def test_a_terminal_proves_itself_by_the_method_that_it_has_or_not_at_all(demanded):
    mine = "chap" if demanded == "pap" else "pap"
    line = line_to_a_server(
        provider=Settings(demands=demanded, accounts=ACCOUNTS),
        terminal=Settings(credentials=RIGHT, proves=(mine,)),
    )
    assert not both_up(line, 40)


def test_both_ends_may_demand_a_proof_by_one_method():
    line = line_to_a_server(
        provider=Settings(demands="chap", accounts=ACCOUNTS, credentials=RIGHT),
        terminal=Settings(demands="chap", accounts=ACCOUNTS, credentials=RIGHT),
    )
    assert both_up(line)


def test_a_fixed_response_of_chap():
    # MD5 over identifier, secret and challenge (RFC 1994, 4.1)
    assert chap_value(1, b"secret", b"challenge").hex() == "46e47770030e2b4e26a0db72a7efec00"


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer():
    answers = []
    for name, secret in ((b"terminal", b"wrong!"), (b"somebody", b"wrong!")):
        talker = Talker(Settings(ours=GATEWAY, theirs=TERMINAL, passive=True, demands="pap", accounts=ACCOUNTS))
        talker.open_lcp()
        data = bytes((len(name),)) + name + bytes((len(secret),)) + secret
        answers.append(talker.say(0xC023, 1, 1, data))
    assert answers[0] == answers[1]
    assert answers[0][0][1] == 3


def test_no_secret_is_in_what_is_shown_of_a_peer():
    settings = Settings(demands="pap", accounts=ACCOUNTS, credentials=RIGHT)
    assert "secret" not in repr(settings)


def test_packets_before_the_proof_go_nowhere():
    talker = Talker(Settings(ours=GATEWAY, theirs=TERMINAL, passive=True, demands="pap", accounts=ACCOUNTS))
    talker.open_lcp()
    talker.say(ipcp.PROTOCOL, REQUEST, 1, options.pack([(ipcp.ADDRESS, bytes((10, 64, 64, 2)))]))
    talker.raw(framing.encode(0x21, bytes(40)))
    assert talker.peer.take_packets() == []
    assert not talker.peer.up


def test_settings_that_make_no_sense_are_our_own_mistake():
    for wrong in (
        {"demands": "mschap", "accounts": ACCOUNTS},
        {"demands": "pap"},
        {"credentials": Credentials(b"", b"x")},
        {"credentials": Credentials(b"x", bytes(256))},
        {"names": ("1.1.1.1", "2.2.2.2", "3.3.3.3")},
    ):
        with pytest.raises(LocalError):
            Settings(**wrong)


# --- Peers that do not behave ---------------------------------------------------------------------------------------


def test_a_line_that_gives_back_what_is_said_is_found_out():
    for settings in (Settings(), Settings(echo_ns=S)):
        peer = Peer(settings, 1)
        peer.start(0)
        for number in range(1, 60_000):
            peer.receive(b"".join(peer.take_frames()), number * MS)
            peer.advance(number * MS)
            if peer.phase == phases.DEAD:
                break
        assert peer.problem == "looped"
        assert peer.deframer.frames < 40


def test_magic_numbers_that_are_looped_back_end_the_link_and_another_try_is_free():
    talker = Talker()
    for identifier in range(1, 30):
        asked = talker.peer._lcp.magic
        talker.say(lcp.PROTOCOL, REQUEST, identifier, options.pack([(lcp.MAGIC, asked)]))
    assert talker.peer.problem == "looped"
    talker.after(3 * S), talker.after(3 * S), talker.after(3 * S)
    assert talker.open_lcp()
    assert talker.peer.phase == phases.NETWORKING


def test_packets_are_a_sign_of_life_where_answers_wait_behind_them():
    line = line_to_a_server(provider=Settings(echo_ns=S))
    assert both_up(line)
    peer, since_ns = line.provider.peer, line.network.now_ns
    for second in range(1, 30):
        peer.receive(framing.encode(IP, b"E" + bytes(19)), since_ns + second * S)
        peer.advance(since_ns + second * S)
        assert peer.up
    peer.advance(since_ns + 34 * S)
    assert peer.problem == "silent"


def test_echoes_with_our_own_number_end_the_link():
    talker = Talker()
    talker.open_lcp()
    for identifier in range(10):
        talker.say(lcp.PROTOCOL, ECHO, identifier, talker.peer._lcp.magic)
    assert talker.peer.problem == "looped"


def test_a_peer_that_asks_for_ever_gets_a_bounded_number_of_answers():
    for data in (b"", options.pack([(99, b"")]), options.pack([(lcp.MAGIC, bytes(4))]), b"\5", b"\5\1"):
        talker = Talker()
        answers = sum(len(talker.say(lcp.PROTOCOL, REQUEST, number & 255, data)) for number in range(5_000))
        assert answers <= 2 * 32
        for _ in range(60):
            talker.now_ns += S
            answers += sum(len(talker.say(lcp.PROTOCOL, REQUEST, number & 255, data)) for number in range(100))
        assert answers <= 2 * (32 + 60 * 8)
        assert talker.peer.refused["asked too often"] > 5_000


@pytest.mark.parametrize("code", range(1, 16))
def test_no_packet_of_lcp_gets_more_answers_than_that(code):
    talker = Talker()
    talker.open_lcp()
    answers = sum(len(talker.say(lcp.PROTOCOL, code, number & 255, b"\1\2\3\4")) for number in range(3_000))
    assert answers <= 2 * 32


def test_a_terminal_that_agrees_to_nothing_is_hung_up_on():
    talker = Talker()
    codes = []
    for number in range(40):
        talker.now_ns += S
        codes += [answer[1] for answer in talker.say(lcp.PROTOCOL, REQUEST, number, options.pack([(99, b"")]))]
    assert codes.count(TERMINATE) == 1
    assert talker.peer.refused["no agreement"] == 1
    talker.after(3 * S), talker.after(3 * S), talker.after(3 * S)
    assert (talker.peer.phase, talker.peer.problem) == (phases.ESTABLISHING, "no agreement")
    talker.open_lcp()
    assert talker.peer.phase == phases.NETWORKING


def test_a_terminal_that_refuses_all_that_we_ask_for_is_hung_up_on():
    talker = Talker()
    (request, *_) = [answer for answer in talker.say(lcp.PROTOCOL, REQUEST, 1) if answer[1] == REQUEST]
    for _ in range(40):
        talker.now_ns += S
        answers = talker.say(lcp.PROTOCOL, NAK, request[2], options.pack([(lcp.MAGIC, b"ring")]))
        request = next((answer for answer in answers if answer[1] == REQUEST), request)
    assert talker.peer.refused["no agreement"] == 1


def test_a_terminal_whose_address_is_never_granted_gives_up():
    provider = Settings(ours=GATEWAY, theirs=TERMINAL, passive=True)
    talker = Talker(provider)
    (ours,) = talker.open_lcp()
    talker.say(ipcp.PROTOCOL, ACK, ours[2], ours[3])
    codes = []
    for number in range(40):
        talker.now_ns += S
        asked = options.pack([(ipcp.ADDRESS, bytes((192, 168, 0, number)))])
        codes += [answer[1] for answer in talker.say(ipcp.PROTOCOL, REQUEST, number, asked)]
    assert codes[:5] == [NAK] * 5
    assert codes[5] == REJECT
    assert TERMINATE in codes
    assert len(codes) < 60


def test_a_peer_that_falls_silent_is_noticed_where_signs_of_life_are_asked_for():
    line = line_to_a_server(provider=Settings(echo_ns=S))
    both_up(line)
    line.run(20)
    assert line.provider.up
    line.cut = True
    assert line.run(6, lambda: not line.provider.up)
    assert line.provider.peer.problem == "silent"


def test_rubbish_on_the_line_changes_nothing_for_whoever_comes_behind_it(cases):
    rng = random.Random(7)
    line = line_to_a_server()
    for _ in cases(50):
        line.provider.receive(rng.randbytes(rng.randrange(1, 400)), line.now_ns)
        line.step()
    line.provider.take()
    assert both_up(line)
    assert fetched(line)
    assert line.provider.peer.deframer.damaged > 0
