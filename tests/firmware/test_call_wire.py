"""Fixed vectors of every message of a call; the sealed ones were computed with another implementation."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.services.call.session import Session
from settop.wire import call as wire
from settop.wire import dark
from settop.wire.ids import NO_PORTION

DEVICE_KEY = bytes(range(0x40, 0x60))
TERMINAL_ID = HEX("0102030405060708")
BROADCAST_ID = HEX("a1a2a3a4a5a6a7a8")
CONTROL_WORD = bytes(range(0x30, 0x40))
TOKEN = HEX("d0d1d2d3d4d5d6d7")
HELLO = HEX("01 01 00 0102030405060708 101112131415161718191a1b1c1d1e1f")
CHALLENGE = HEX("02 01 00 0badcafe 202122232425262728292a2b2c2d2e2f")
PROOF = HEX("2c9c276a2ab57293ab40a20aba5f99af")
DOWN_KEY = HEX("3ee3ae27db2d6f3bc0d48ca5e7f16073")
UP_KEY = HEX("80c2c64655f5c41d951a33b67ee3dad0")
DOWN_SALT = HEX("c60b6f767491fd81cf")
UP_SALT = HEX("9cf49f223889a234f0")

X25519_SHARED = HEX("fbfb11adeb1d6f71c0571bc1b5dd87519f9a6620b10a5ebc314cbd420c43ba43")
TERMINAL_PUBLIC = HEX("675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f")
CENTRE_PUBLIC = HEX("493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d")
X25519_PROOF = HEX("0721115ad8b284b67ef9db992700dc26")

UP = (
    (wire.REQUEST, "00000007 a1a2a3a4a5a6a7a8 0000000000000000",
     "1000000000 8e9f18cf664c22f8f7ed9530cf804e67df9eb63fc01e74532878fa83"),
    (wire.ACK, "00000003", "1100000001 52d285ba5ba10ca9d337fa7a"),
    (wire.NAK, "00000004", "1200000002 d55fea8ef2c23194214456e2"),
    (wire.GOODBYE, "00000003", "1300000003 335c936923473d0af21ff84c"),
    (wire.DARK, "00000003 00000004 08", "1400000004 29cddf742bdd094143 9bbc121885095d3a"),
    (wire.REQUEST, "00000007 a1a2a3a4a5a6a7a8 d0d1d2d3d4d5d6d7 00000019",
     "1000000005 c697cd22839d55fe2530cff59be8456f20ad38de440173ca e5afa166d59a2578"),
)  # fmt: skip
DOWN = (
    (wire.KEY, "00000007 a1a2a3a4a5a6a7a8 00000003 303132333435363738393a3b3c3d3e3f",
     "2000000000 1d83506b6c5c9e787a5f0091eb099eae98df1f31a03417f155e01cf4f22125c3d146dbe705babee1"),
    (wire.DENY, "03", "2100000001 f274be43e13ac3f04e"),
    (wire.FAREWELL, "00 00000001", "2200000002 ef1ccb0a7b1e39dbde51db3156"),
    (wire.TOKEN, "d0d1d2d3d4d5d6d7", "2300000003 71863a16e294ac28 f50b77417dc65e82"),
)  # fmt: skip


def session():
    return Session(DEVICE_KEY, HELLO, CHALLENGE)


def test_hello():
    assert wire.pack_hello(wire.SUITE_PLAIN, TERMINAL_ID, HELLO[-16:]) == HELLO
    assert wire.unpack_hello(HELLO) == (wire.SUITE_PLAIN, TERMINAL_ID, HELLO[-16:], b"")


def test_hello_with_public_key():
    message = wire.pack_hello(wire.SUITE_X25519, TERMINAL_ID, HELLO[-16:], TERMINAL_PUBLIC)
    assert message == HELLO[:2] + b"\x01" + HELLO[3:] + TERMINAL_PUBLIC
    assert wire.unpack_hello(message)[3] == TERMINAL_PUBLIC


def test_challenge():
    assert wire.pack_challenge(wire.SUITE_PLAIN, 0x0BADCAFE, CHALLENGE[-16:]) == CHALLENGE
    expected = (wire.SUITE_PLAIN, 0x0BADCAFE, CHALLENGE[-16:], b"", PROOF)
    assert wire.unpack_challenge(CHALLENGE + PROOF) == expected


def test_challenge_with_public_key():
    message = wire.pack_challenge(wire.SUITE_X25519, 0x0BADCAFE, CHALLENGE[-16:], CENTRE_PUBLIC)
    assert message == CHALLENGE[:2] + b"\x01" + CHALLENGE[3:] + CENTRE_PUBLIC
    assert wire.unpack_challenge(message + PROOF)[3:] == (CENTRE_PUBLIC, PROOF)


def test_bodies():
    assert wire.pack_request(7, BROADCAST_ID) == HEX(UP[0][1])
    assert wire.unpack_request(HEX(UP[0][1])) == (7, BROADCAST_ID, wire.NO_TOKEN, None)
    assert wire.pack_request(7, BROADCAST_ID, TOKEN, 25) == HEX(UP[5][1])
    assert wire.unpack_request(HEX(UP[5][1])) == (7, BROADCAST_ID, TOKEN, 25)
    assert wire.unpack_request(wire.pack_request(7, BROADCAST_ID, max_price=25))[2:] == (wire.NO_TOKEN, 25)
    assert wire.pack_dark(3, 4, 8) == HEX(UP[4][1])
    assert wire.unpack_dark(HEX(UP[4][1])) == (3, 4, 8)
    assert wire.pack_key(7, BROADCAST_ID, 3, CONTROL_WORD) == HEX(DOWN[0][1])
    assert wire.unpack_key(HEX(DOWN[0][1])) == (7, BROADCAST_ID, 3, bytearray(CONTROL_WORD))
    assert wire.pack_portion(3) == HEX("00000003")
    assert wire.unpack_portion(HEX("ffffffff")) == NO_PORTION
    assert wire.pack_farewell(0, 1) == HEX(DOWN[2][1])
    assert wire.unpack_farewell(HEX("02 00000102")) == (wire.FAREWELL_TERMINAL_SILENT, 258)


def test_key_schedule():
    found = session()
    assert found.proves(PROOF)
    assert not found.proves(bytes(16))
    assert (bytes(found._down_key), bytes(found._up_key)) == (DOWN_KEY, UP_KEY)
    assert (bytes(found._down_salt), bytes(found._up_salt)) == (DOWN_SALT, UP_SALT)


def test_key_schedule_with_forward_secrecy():
    hello = wire.pack_hello(wire.SUITE_X25519, TERMINAL_ID, HELLO[-16:], TERMINAL_PUBLIC)
    challenge = wire.pack_challenge(wire.SUITE_X25519, 0x0BADCAFE, CHALLENGE[-16:], CENTRE_PUBLIC)
    assert Session(DEVICE_KEY, hello, challenge, X25519_SHARED).proves(X25519_PROOF)
    assert not Session(DEVICE_KEY, hello, challenge).proves(X25519_PROOF)


def test_terminal_seals_its_messages():
    ours = session()
    for kind, body, message in UP:
        assert ours.seal(kind, HEX(body)) == HEX(message)


def test_terminal_opens_the_centres_messages():
    ours = session()
    for kind, body, message in DOWN:
        found, opened = ours.open(HEX(message))
        assert (found, bytes(opened)) == (kind, HEX(body))


def test_message_is_taken_once():
    ours = session()
    ours.open(HEX(DOWN[1][2]))
    for _, _, message in DOWN[:2]:
        with raises(RemoteError) as caught:
            ours.open(HEX(message))
        assert "replayed" in str(caught.value)


def test_every_bit_counts():
    ours = session()
    for message in (HEX(DOWN[0][2]), HEX(DOWN[2][2])):
        for at in range(len(message)):
            altered = bytearray(message)
            altered[at] ^= 1 << at % 8
            with raises(RemoteError):
                ours.open(bytes(altered))
        ours.open(message)


def test_own_messages_cannot_be_reflected():
    ours = session()
    with raises(RemoteError):
        ours.open(HEX(UP[0][2]))


def test_wiped_session_neither_seals_nor_opens():
    ours = session()
    ours.wipe()
    assert bytes(ours._down_key) == bytes(16) == bytes(ours._up_key)
    with raises(LocalError):
        ours.seal(wire.ACK, bytes(4))
    with raises(RemoteError):
        ours.open(HEX(DOWN[0][2]))


def test_other_version_suite_or_length_is_refused():
    for message, unpack in ((HELLO, wire.unpack_hello), (CHALLENGE + PROOF, wire.unpack_challenge)):
        for bad in (
            message[:-1],
            message + b"\x00",
            message[:1] + b"\x02" + message[2:],
            message[:2] + b"\x01" + message[3:],
            message[:2] + b"\x02" + message[3:],
            message[:1],
        ):
            with raises(RemoteError):
                unpack(bad)
    for kind, _, message in UP + DOWN:
        assert wire.check_sealed(HEX(message)) == kind
        good = HEX(message)
        for bad in (good[:-1], good + b"\x00", good[:1], b"\x24" + good[1:], b""):
            with raises(RemoteError):
                wire.check_sealed(bad)


def test_causes_of_darkness_have_a_word_and_a_sentence_each():
    codes = (dark.CLEAR, dark.NO_STREAM, dark.NO_PAT, dark.NO_PMT, dark.NOT_OURS, dark.NO_ECM, dark.NO_KEY,
             dark.WRONG_PARITY, dark.WRONG_KEY, dark.NOTHING_SCRAMBLED)  # fmt: skip
    assert codes == tuple(range(10))
    assert len(dark.WORDS) == len(dark.TEXTS) == 10
    assert (dark.WORDS[dark.NO_ECM], dark.WORDS[dark.WRONG_KEY]) == ("no_ecm", "wrong_key")


def test_noise_raises_only_remote_errors():
    seed = 1
    ours = session()
    for number in range(600):
        message = bytearray(number % 120)
        for i in range(len(message)):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            message[i] = seed >> 16 & 0xFF
        if message and number % 3:
            message[0] = list(wire.NAMES)[number % len(wire.NAMES)]
        for read in (wire.unpack_hello, wire.unpack_challenge, wire.check_sealed, ours.open):
            try:
                read(bytes(message))
            except RemoteError:
                continue
            assert read is not ours.open
