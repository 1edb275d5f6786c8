"""The shop's channel between both ends, and against who listens, alters, repeats, or has an old key."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from headend.accounts.engine import transaction
from headend.shop import throttle
from headend.shop.channel import Channel as FarEnd
from headend.shop.clients import RENEWAL_MS, UNUSED_MS
from headend.shop.tickets import LIFE_MS
from settop.errors import RemoteError
from settop.wire import shop as wire
from settop.wire import shop_channel as channel_wire

from tests.helpers.shop import MASTER, NOW, PASSWORD, new_database, open_shop
from tests.helpers.shop_channel import BODY, DEVICE_KEY, TERMINAL_ID, TICKET_KEY, Ends

X25519 = channel_wire.SUITE_X25519


def refused(ends, message, now_ms=NOW):
    return ends.far.answer(message, now_ms) == channel_wire.REFUSAL


def opens(ends, number, key, client):
    """Whether a channel opens by that key and a request passes."""
    try:
        ends.ask(ends.client(number, key, client), wire.LIST, 0, "", "")
    except RemoteError:
        return False
    return True


def count_of(ends, table):
    with transaction(ends.stall.engine) as connection:
        return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()  # noqa: S608


@pytest.fixture
def ends():
    return Ends(new_database())


def test_two_registrations_give_two_clients_with_a_key_each(ends):
    found = [ends.register() for _ in range(3)]
    assert len({client for client, _ in found}) == len({key for _, key in found}) == 3
    for client, key in found:
        (known,) = ends.stall.client_keys(client)
        assert known.key == key and known.number == 1


def test_who_records_everything_finds_no_key_and_no_word(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    ends.ask(channel, wire.SIGN_UP, "ann", PASSWORD)
    title = ends.stall.title("Song X", price=0)
    reply = wire.Reader(ends.ask(channel, wire.BUY, title, 0), BODY)
    assert reply.take(">IB") == (title, 1)
    kid, title_key = bytes(reply.key(16)), bytes(reply.key(16))
    assert (kid, title_key) == (ends.stall.right(1, title).kid, ends.stall.right(1, title).key)
    renewing = ends.client(client=client, key=key, suite=X25519)
    next_key = bytes(renewing.next_key)
    ends.ask(renewing, wire.RENEW)
    line = b"".join(ends.sent + ends.answered)
    assert client in line, "the id is what opens it"
    for secret in (key, next_key, DEVICE_KEY, title_key, kid, PASSWORD.encode(), b"Song X", TICKET_KEY):
        for at in range(len(secret) - 5):
            assert secret[at : at + 6] not in line


def test_the_first_use_of_a_renewed_key_ends_the_old_one(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    assert ends.ask(channel, wire.LIST, 0, "", "")[9] == 0
    later = NOW + RENEWAL_MS
    channel = ends.client(client=client, key=key, now_ms=later)
    assert ends.ask(channel, wire.LIST, 0, "", "", now_ms=later)[9] == wire.RENEWAL_DUE
    renewing = ends.client(client=client, key=key, suite=X25519)
    next_key = bytes(renewing.next_key)
    ends.ask(renewing, wire.RENEW)
    assert opens(ends, 1, key, client), "whether the answer arrived nobody knows"
    waiting = ends.client(client=client, key=key)
    assert opens(ends, 2, next_key, client)
    assert not opens(ends, 1, key, client)
    assert not opens(ends, 1, next_key, client) and not opens(ends, 2, key, client)
    with pytest.raises(RemoteError):  # a session that was opened by it before
        ends.ask(waiting, wire.BALANCE)


def test_a_renewal_whose_request_or_answer_is_lost_is_made_again(ends):
    client, key = ends.register()
    lost = ends.client(client=client, key=key, suite=X25519)
    assert not opens(ends, 2, bytes(lost.next_key), client), "the request never came"
    for _ in range(2):
        renewing = ends.client(client=client, key=key, suite=X25519)
        first = bytes(renewing.next_key)
        ends.ask(renewing, wire.RENEW)
    renewing = ends.client(client=client, key=key, suite=X25519)
    second = bytes(renewing.next_key)
    ends.ask(renewing, wire.RENEW)
    assert not opens(ends, 2, first, client)
    assert opens(ends, 2, second, client)
    assert count_of(ends, "sealed_secrets") == 3


def test_a_key_is_agreed_on_in_a_session_with_an_exchange_alone(ends):
    client, key = ends.register()
    with pytest.raises(RemoteError):
        ends.ask(ends.client(client=client, key=key), wire.RENEW)
    assert refused(ends, channel_wire.pack_hello(0, channel_wire.TERMINAL, TERMINAL_ID, 0, bytes(16)))
    terminal = ends.open(channel_wire.TERMINAL, TERMINAL_ID, 0, DEVICE_KEY, X25519)
    with pytest.raises(RemoteError):
        ends.ask(terminal, wire.LIST, 0, "", "")
    with pytest.raises(RemoteError):
        ends.ask(ends.client(client=client, key=key, suite=X25519), wire.REGISTER)


def test_a_client_whose_answer_was_lost_is_forgotten_and_one_that_asked_is_not(ends):
    stall = ends.stall
    lost = ends.register()[0]
    asked, key = ends.register()
    ends.ask(ends.client(client=asked, key=key), wire.TASTES, 0)
    with_card = ends.register()[0]
    assert stall.redeem_on(with_card, stall.new_card(5, NOW), NOW) == 5
    signed_in = ends.register()[0]
    stall.user()
    stall.sign_in("user1", PASSWORD, NOW, signed_in)
    (kept,) = stall.client_keys(lost)
    stall.register_client(NOW + UNUSED_MS)
    assert stall.client_keys(lost) == [kept]
    young = stall.register_client(NOW + UNUSED_MS + 1).client_id
    assert stall.client_keys(lost) == []
    assert all(stall.client_keys(client) for client in (asked, with_card, signed_in, young))
    with stall.engine.begin() as connection:
        sealed = "SELECT count(*) FROM sealed_secrets"
        assert connection.exec_driver_sql(sealed).scalar_one() == 2 + 5  # the tickets', the cards', and clients' keys


def test_every_request_counts_once_also_after_later_ones_and_in_later_sessions(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    ends.ask(channel, wire.SIGN_UP, "ann", PASSWORD)
    card = ends.stall.new_card(500, NOW)
    ends.ask(channel, wire.REDEEM, card)
    assert ends.ask(channel, wire.BALANCE)[BODY:] == (500).to_bytes(8, "big")
    other = ends.client(client=client, key=key, now_ms=NOW + 1)
    ends.ask(other, wire.BALANCE, now_ms=NOW + 1)
    with pytest.raises(RemoteError):  # a later session has ended it
        ends.ask(channel, wire.BALANCE)
    for message in ends.sent:
        if message[0] == channel_wire.REQUEST:
            assert refused(ends, message)
    assert len(ends.stall.transactions(1)) == 1


def check_one_of_many_answers(ends):
    """The same request at several processes of the shop at the same instant."""
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    ends.ask(channel, wire.SIGN_UP, "ann", PASSWORD)
    shops = [FarEnd(open_shop(ends.url), MASTER, ends.known.get, ends.locate) for _ in range(4)]
    for _ in range(5):
        message = channel.request(wire.pack_request(wire.BALANCE))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda shop, message=message: shop.answer(message, NOW), shops))
        assert sorted(len(answer) for answer in answers)[:3] == [1, 1, 1]
        channel.receive(max(answers, key=len))


def test_of_several_that_get_the_same_request_one_answers_it(tmp_path):
    check_one_of_many_answers(Ends(f"sqlite:///{tmp_path / 'shop.db'}"))


def test_a_repeated_registration_makes_no_client(ends):
    ends.register()
    assert all(refused(ends, message) for message in ends.sent if message[0] == channel_wire.REQUEST)
    assert count_of(ends, "shop_clients") == 1


def test_sessions_of_one_instant_and_of_a_clock_that_was_set_back_follow_each_other(ends):
    client, key = ends.register()
    for now_ms in (NOW, NOW, NOW - 3_600_000, NOW - 7_200_000):
        channel = ends.client(client=client, key=key, now_ms=now_ms)
        ends.ask(channel, wire.LIST, 0, "", "", now_ms=now_ms)
        ends.ask(channel, wire.LIST, 0, "", "", now_ms=now_ms)


def test_a_ticket_is_good_for_an_hour(ends):
    channel = ends.client()
    ends.ask(channel, wire.LIST, 0, "", "", now_ms=NOW + LIFE_MS)
    with pytest.raises(RemoteError):
        ends.ask(channel, wire.LIST, 0, "", "", now_ms=NOW + LIFE_MS + 1)


def test_a_removed_client_and_a_revoked_terminal_are_unknown_at_once(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    ends.ask(channel, wire.SIGN_UP, "ann", PASSWORD)
    ends.stall.remove_client(1, client, NOW)
    with pytest.raises(RemoteError):
        ends.ask(channel, wire.BALANCE)
    assert not opens(ends, 1, key, client)
    terminal = ends.open(channel_wire.TERMINAL, TERMINAL_ID, 0, DEVICE_KEY, X25519)
    ends.known.clear()
    with pytest.raises(RemoteError):
        ends.ask(terminal, wire.REGISTER)


def test_any_process_of_the_shop_answers(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    first = ends.far
    ends.far = FarEnd(ends.stall, MASTER, ends.known.get, ends.locate)
    ends.ask(channel, wire.LIST, 0, "", "")
    ends.far = first
    ends.ask(channel, wire.LIST, 0, "", "")


# --- the same answer, after the same work -------------------------------------------------------------------------


def genuine(ends):
    """(client id, key, HELLO of a client, a REQUEST that was not sent)."""
    client, key = ends.register()
    channel = ends.client(client=client, key=key)
    return client, key, ends.sent[-1], channel.request(wire.pack_request(wire.BALANCE))


def test_a_message_with_any_bit_altered_or_of_any_other_length_is_refused_and_changes_nothing(ends):
    *_, request = genuine(ends)
    for at in range(len(request)):
        for bit in (1, 1 << at % 8, 128):
            altered = bytearray(request)
            altered[at] ^= bit
            assert refused(ends, bytes(altered)), at
    for length in range(len(request)):
        assert refused(ends, request[:length])
    for more in (b"\0", bytes(200), bytes(10_000)):
        assert refused(ends, request + more)
    assert not refused(ends, request), "it counts still"
    assert refused(ends, request)


def test_a_hello_that_is_none_is_refused(ends):
    _, _, hello, _ = genuine(ends)
    for at in (1, 2, 3):
        altered = bytearray(hello)
        altered[at] ^= 2
        assert refused(ends, bytes(altered))
    for length in range(len(hello)):
        assert refused(ends, hello[:length])
    assert refused(ends, hello + b"\0") and refused(ends, b"") and refused(ends, bytes(40))
    small_order = channel_wire.pack_hello(X25519, channel_wire.TERMINAL, TERMINAL_ID, 0, bytes(16), bytes(32))
    assert refused(ends, small_order)


def test_unknown_ones_get_a_challenge_as_known_ones_and_their_requests_the_same_answer(ends):
    client, key = ends.register()
    for number, its_key, its_id in ((1, bytes(32), client), (2, key, client), (0, key, client), (1, key, bytes(8))):
        with pytest.raises(RemoteError, match="not the shop's answer"):
            ends.client(number, its_key, its_id)
        challenge = ends.answered[-1]
        assert challenge[0] == channel_wire.CHALLENGE and len(challenge) == 137
        assert refused(ends, b"\x10" + bytes(60) + challenge[-118:-16])


def test_every_refusal_costs_the_shop_the_same_work(ends, monkeypatch):
    """Counted are keys unsealed, sessions derived and messages opened."""
    *_, hello, request = genuine(ends)
    unknown = hello[:4] + bytes(8) + hello[12:]
    work = Counter()

    def count(place, name):
        real = getattr(place, name)

        def counted(*arguments, **options):
            work[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(place, name, counted)

    count(type(ends.far._vault), "open")
    count(type(ends.far), "_session")

    def cost(message):
        work.clear()
        ends.far.answer(message, NOW)
        return dict(work)

    ticket = ends.far.answer(unknown, NOW)[-118:-16]
    assert cost(hello) == cost(unknown) == cost(hello[:15] + b"\x09" + hello[16:])
    altered = bytearray(request)
    altered[7] ^= 1
    assert cost(bytes(altered)) == cost(request[:-102] + ticket) == {"open": 1, "_session": 1}


def test_fuzz_the_shop_answers_everything_and_does_nothing(ends, fuzz_cases=4000):
    _, _, hello, request = genuine(ends)
    draw = random.Random(11)
    before = count_of(ends, "shop_channels")
    for _ in range(fuzz_cases):
        message = bytearray(draw.choice((hello, request)))
        for _ in range(draw.randrange(1, 4)):
            kind = draw.randrange(4)
            at = draw.randrange(len(message) + 1)
            if kind == 0 and at < len(message):
                message[at] ^= 1 << draw.randrange(8)
            elif kind == 1:
                del message[at : at + draw.randrange(1, 9)]
            elif kind == 2:
                message[at:at] = draw.randbytes(draw.randrange(1, 9))
            else:
                message[:1] = bytes((draw.choice((1, 2, 3, 16, 32)),))
        if bytes(message) == request:
            continue
        answer = ends.far.answer(bytes(message), NOW)
        assert answer == channel_wire.REFUSAL or (answer[0] == channel_wire.CHALLENGE and message[0] == 1)
    after = count_of(ends, "shop_channels")
    assert before == after == 1, "of the terminal that has registered"


# --- what is asked for --------------------------------------------------------------------------------------------


def reply_of(ends, channel, what, *values):
    reader = wire.Reader(ends.ask(channel, what, *values))
    status, now_ms, _ = reader.take(wire.REPLY_HEAD)
    assert now_ms == NOW
    if status == wire.OK:
        return reader
    return reader.text()


def test_a_client_buys_what_it_can_pay_and_gets_everything_again(ends):
    channel = ends.client()
    for what, values in (
        (wire.BALANCE, ()),
        (wire.BUY, (1, wire.ANY_PRICE)),
        (wire.RESTORE, (0,)),
        (wire.CONTENT, (1,)),
        (wire.JOIN, ("Jazz", wire.ANY_PRICE)),
        (wire.ORDER, (5,)),
    ):
        assert reply_of(ends, channel, what, *values) == "not-signed-in"
    assert reply_of(ends, channel, wire.SIGN_IN, "ann", PASSWORD) == "login"
    assert reply_of(ends, channel, wire.SIGN_UP, "ann", "short") == "bad-password"
    assert reply_of(ends, channel, wire.REDEEM, ends.stall.new_card(100, NOW)).take(">I") == (100,)
    assert reply_of(ends, channel, wire.SIGN_UP, "ann", PASSWORD).take(">Q") == (100,)
    jazz = ends.stall.group("Jazz", 20)
    song = ends.stall.title("Song X", 30, jazz)
    ends.stall.title("Dear", 300)
    assert reply_of(ends, channel, wire.JOIN, "Rock", 20) == "no-group"
    assert reply_of(ends, channel, wire.JOIN, "Jazz", 19) == "price-changed"
    assert reply_of(ends, channel, wire.JOIN, "Jazz", 20).take(">Q") == (80,)
    assert reply_of(ends, channel, wire.BUY, song, 29) == "price-changed"
    assert reply_of(ends, channel, wire.BUY, 2, 300) == "no-units"
    bought = reply_of(ends, channel, wire.BUY, song, 30)
    assert bought.take(">IB") == (song, 1)
    right = bytes(bought.key(32)), bought.take(wire.TERMS), bought.text()
    assert right[1][0] == ends.stall.right(1, song).right and right[1][1:] == (0, 0, 0)  # for good
    assert right[2] == "Song X"
    again = reply_of(ends, channel, wire.BUY, song, 30)
    assert again.take(">IB") == (song, 0) and bytes(again.key(32)) == right[0]
    assert reply_of(ends, channel, wire.BALANCE).take(">Q") == (50,)
    everything = reply_of(ends, ends.client(), wire.SIGN_IN, "ann", PASSWORD)
    assert everything.take(">Q") == (50,)
    content = reply_of(ends, channel, wire.CONTENT, song)
    assert content.take(">Q32s") == (4096, bytes(32)) and content.text() == f"/copies/{song}-1"
    assert len(reply_of(ends, channel, wire.ORDER, 5).key(16)) == 16
    assert reply_of(ends, channel, wire.LEAVE, "Jazz").take(">Q") == (50,)
    reply_of(ends, channel, wire.SIGN_OUT).end()
    assert reply_of(ends, channel, wire.BALANCE) == "not-signed-in"


def test_lists_come_in_parts_and_whole(ends):
    channel = ends.client()
    reply_of(ends, channel, wire.SIGN_UP, "ann", PASSWORD)
    ends.stall.group("J" * 64)
    names = [f"{number} " + "\u20ac" * (number % 100) for number in range(120)]
    for name in names:
        ends.stall.title(name, 0)
        assert reply_of(ends, channel, wire.BUY, len(ends.stall.restore(1)) + 1, 0)
    found, after, parts = [], 0, 0
    while parts == 0 or after:
        part = reply_of(ends, channel, wire.LIST, after, "", "")
        (after,) = part.take(">H")
        parts += 1
        while part.more():
            title, price, bought = part.take(">IIB")
            assert (title, price, bought) == (len(found) + 1, 0, 1)
            found.append(part.text())
            assert part.text() == ""
    assert parts > 10 and len(found) == 120
    assert all(
        name.startswith(told) and len(told) >= min(len(name), 80) for name, told in zip(names, found, strict=True)
    )
    kept, after = [], 0
    while not kept or after:
        part = reply_of(ends, channel, wire.RESTORE, after)
        (after,) = part.take(">H")
        while part.more():
            kept.append((part.take(">IB")[0], bytes(part.key(16)), bytes(part.key(16))))
            assert part.take(wire.TERMS)[1:] == (0, 0, 0) and part.text()
    assert kept == [(one.title, one.kid, one.key) for one in ends.stall.restore(1)]
    tastes = reply_of(ends, channel, wire.TASTES, 0)
    assert tastes.take(">H") == (0,) and tastes.take(">IB") == (0, 0) and tastes.text() == "J" * 64


def test_who_signs_up_again_on_the_same_client_is_signed_in_and_nobody_else(ends):
    client, key = ends.register()
    channel = ends.client(client=client, key=key)

    def signed_up(on, login="ann", password=PASSWORD, now_ms=NOW):
        """The status, and the refusal's code."""
        reply = wire.Reader(ends.ask(on, wire.SIGN_UP, login, password, now_ms=now_ms), 0)
        status = reply.take(wire.REPLY_HEAD)[0]
        return "" if status == wire.OK else reply.text()

    ends.ask(channel, wire.REDEEM, ends.stall.new_card(5, NOW))
    assert [signed_up(channel) for _ in range(3)] == [""] * 3  # the first answers were lost
    assert signed_up(channel, "ANN") == "" and ends.stall.balance(1) == 5
    assert signed_up(channel, password="another password") == "login-taken"
    other_id, other_key = ends.register()
    other = ends.client(client=other_id, key=other_key)
    assert signed_up(other) == "login-taken"
    ends.ask(channel, wire.SIGN_OUT)
    assert signed_up(channel) == "login-taken"
    ends.ask(channel, wire.SIGN_IN, "ann", PASSWORD)
    for _ in range(throttle.FREE):
        assert signed_up(channel, password="another password") == "login-taken"
    assert signed_up(channel) == "slow-down"  # a guess is a guess
    assert count_of(ends, "shop_users") == 1 and ends.stall.audit() == []
