"""The shop's channel, the terminal's end, against messages of a shop that were recorded once, on every interpreter."""

import shop_channel_vectors as vectors
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.services.shop.channel import NOT_THE_SHOP, Channel
from settop.wire import shop
from settop.wire import shop_channel as wire


def draws(*blocks):
    left = list(blocks)

    def random(count):
        found = left.pop(0)
        assert len(found) == count
        return bytes(bytearray(found))  # whoever draws may wipe it

    return random


def client():
    """A channel that has asked by the vectors' client."""
    channel = Channel(draws(vectors.NONCES[16:]))
    assert channel.hello(wire.CLIENT, vectors.CLIENT_ID, 1, vectors.CLIENT_KEY) == vectors.CLIENT_HELLO
    return channel


def opened():
    channel = client()
    assert channel.receive(vectors.CLIENT_CHALLENGE) is None
    return channel


def asked():
    channel = opened()
    assert channel.request(shop.pack_request(shop.BALANCE)) == vectors.CLIENT_REQUEST
    return channel


def test_a_client_opens_it_asks_and_takes_the_reply():
    channel = asked()
    reader = shop.Reader(channel.receive(vectors.CLIENT_REPLY))
    assert reader.take(shop.REPLY_HEAD) == (shop.NO, 1800000000000, 0)
    assert (reader.text(), reader.take(">I")[0]) == ("not-signed-in", 0)
    assert reader.text() == "nobody has signed in on this client"
    reader.end()
    assert channel.state == "OPEN"


def test_a_terminal_registers_and_both_ends_have_the_key_that_nobody_sent():
    channel = Channel(draws(vectors.PRIVATE, vectors.NONCES[:16]))
    hello = channel.hello(wire.TERMINAL, vectors.TERMINAL_ID, 0, vectors.DEVICE_KEY, wire.SUITE_X25519)
    assert hello == vectors.REGISTER_HELLO
    channel.receive(vectors.REGISTER_CHALLENGE)
    assert bytes(channel.next_key) == vectors.CLIENT_KEY
    assert channel.request(shop.pack_request(shop.REGISTER)) == vectors.REGISTER_REQUEST
    assert bytes(channel.receive(vectors.REGISTER_REPLY)[shop.REPLY_HEAD_BYTES :]) == vectors.CLIENT_ID
    kept = channel.next_key
    channel.close()
    assert bytes(kept) == bytes(32) and channel.state == "CLOSED"


def refuses(channel, message):
    with raises(RemoteError) as caught:
        channel.receive(message)
    assert str(caught.value) == NOT_THE_SHOP
    assert channel.state == "CLOSED" and channel._session is None and not channel._secret


def test_every_bit_of_challenge_and_reply_counts_and_so_does_every_length():
    covered = 19
    for at in range(len(vectors.CLIENT_CHALLENGE)):
        if covered <= at < covered + wire.TICKET_BYTES:
            continue  # the shop's own: it refuses a request behind another one
        altered = bytearray(vectors.CLIENT_CHALLENGE)
        altered[at] ^= 1 << at % 8
        refuses(client(), altered)
    for at in range(len(vectors.CLIENT_REPLY)):
        altered = bytearray(vectors.CLIENT_REPLY)
        altered[at] ^= 1 << at % 8
        refuses(asked(), altered)
    for cut in (0, 1, 4, 5, 20, 21, 36, 121, 136):
        refuses(client(), vectors.CLIENT_CHALLENGE[:cut])
        refuses(asked(), vectors.CLIENT_REPLY[: min(cut, len(vectors.CLIENT_REPLY) - 1)])
    refuses(client(), vectors.CLIENT_CHALLENGE + b"\x00")
    refuses(asked(), vectors.CLIENT_REPLY + b"\x00")


def test_refusal_another_challenge_and_an_own_message_close_it():
    for message in (wire.REFUSAL, vectors.REGISTER_CHALLENGE, vectors.CLIENT_HELLO, vectors.CLIENT_REPLY):
        refuses(client(), message)
    for message in (wire.REFUSAL, vectors.CLIENT_CHALLENGE, vectors.CLIENT_REQUEST, vectors.REGISTER_REPLY):
        refuses(asked(), message)


def test_a_reply_is_to_its_own_request_alone():
    channel = asked()
    channel.receive(vectors.CLIENT_REPLY)
    channel.request(shop.pack_request(shop.BALANCE))
    refuses(channel, vectors.CLIENT_REPLY)


def test_another_key_does_not_open_it():
    channel = Channel(draws(vectors.NONCES[16:]))
    channel.hello(wire.CLIENT, vectors.CLIENT_ID, 1, bytes(32))
    refuses(channel, vectors.CLIENT_CHALLENGE)


def test_what_a_state_does_not_expect_is_refused():
    channel = Channel(draws())
    with raises(LocalError):
        channel.request(shop.pack_request(shop.BALANCE))
    channel = asked()
    with raises(LocalError):
        channel.request(shop.pack_request(shop.BALANCE))
    with raises(LocalError):
        channel.hello(wire.CLIENT, vectors.CLIENT_ID, 1, vectors.CLIENT_KEY)


def test_closing_wipes_and_a_request_does_not_outlive_its_sealing():
    channel = client()
    secret = channel._secret
    channel.close()
    assert bytes(secret) == bytes(32)
    channel = opened()
    body = shop.pack_request(shop.SIGN_IN, "ann", "correct horse")
    channel.request(body)
    assert bytes(body) == bytes(len(body))
    session = channel._session
    channel.close()
    channel.close()
    assert bytes(session._up_key) == bytes(16) == bytes(session._down_key)


def test_requests_of_every_kind_are_read_as_they_were_written():
    values = {"T": "jazz \u00fcber", "B": 255, "H": 513, "I": 0xFFFFFFFE, "Q": (1 << 64) - 2}
    for what in range(1, len(shop.WHAT)):
        given = [values[kind] for kind in shop.WHAT[what]]
        body = shop.pack_request(what, *given)
        assert shop.unpack_request(body) == [what] + given
        for bad in (body[:-1], body + b"\x00"):
            if len(bad) != 1 or shop.WHAT[what]:
                with raises(RemoteError):
                    shop.unpack_request(bad)
    for bad in (b"", b"\x00", bytes((len(shop.WHAT),)), b"\x07\x01\xff", b"\x07\x02\xc3\x28"):
        with raises(RemoteError):
            shop.unpack_request(bad)


def test_a_long_text_is_cut_at_a_whole_character():
    for text in ("a" * 300, "a" + "\u00fc" * 200, "aa" + "\u20ac" * 100, "\U0001d11e" * 80):
        found = shop.Reader(shop.pack_text(text)).text()
        assert text.startswith(found) and 252 <= len(found.encode()) <= 255


def test_noise_raises_only_remote_errors():
    seed = 1
    for number in range(300):
        message = bytearray(number % 160)
        for i in range(len(message)):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            message[i] = seed >> 16 & 0xFF
        if len(message):
            message[0] = (1, 2, 3, 16, 32, message[0])[number % 6]
        for read in (wire.unpack_hello, shop.unpack_request, wire.split_request):
            try:
                read(message)
            except RemoteError:
                pass
        refuses(client() if number % 2 else asked(), message)
