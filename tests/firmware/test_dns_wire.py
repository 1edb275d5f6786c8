"""Messages of the name service: the fixed question, answers with aliases, and everything that decides nothing."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.wire.dns import MAX_TTL_S, is_address, pack_name, pack_question, unpack_answer

NAME = pack_name("shop.example")
QUESTION = HEX("abcd 0100 0001 0000 0000 0000  04 73686f70 07 6578616d706c65 00 0001 0001")
ADDRESS = HEX("c00c 0001 0001 0000012c 0004 0a000202")


def answer(records, count=1, flags="8180", ident="abcd", question=QUESTION[12:]):
    return HEX(ident + flags + "0001") + bytes((0, count)) + HEX("0000 0000") + question + records


def refused(data):
    with raises(RemoteError):
        unpack_answer(data, 0xABCD, NAME)


def test_the_question_is_the_documented_one():
    assert pack_question(0xABCD, NAME) == QUESTION
    assert pack_name("SHOP.Example") == NAME


def test_an_address_and_its_time_to_live():
    assert unpack_answer(answer(ADDRESS), 0xABCD, NAME) == (0, ["10.0.2.2"], 300)
    assert unpack_answer(memoryview(answer(ADDRESS)), 0xABCD, NAME) == (0, ["10.0.2.2"], 300)
    assert unpack_answer(answer(ADDRESS * 3, 3), 0xABCD, NAME)[1] == ["10.0.2.2"] * 3
    shouting = answer(ADDRESS, question=HEX("04 53484f50 07 4558414d504c45 00 0001 0001"))
    assert unpack_answer(shouting, 0xABCD, NAME)[1] == ["10.0.2.2"]


def test_aliases_are_followed_in_any_order_with_the_shortest_time():
    alias = HEX("c00c 0005 0001 00000064 0004 01 77 c00c")  # w.shop.example
    address = HEX("c02a 0001 0001 00000e10 0004 0a000203")
    assert unpack_answer(answer(alias + address, 2), 0xABCD, NAME) == (0, ["10.0.2.3"], 100)
    address = HEX("01 77 c00c 0001 0001 0000000a 0004 0a000203")
    assert unpack_answer(answer(address + alias, 2), 0xABCD, NAME) == (0, ["10.0.2.3"], 10)
    assert unpack_answer(answer(alias), 0xABCD, NAME) == (0, [], 100)


def test_addresses_of_other_names_are_passed_over():
    other = HEX("01 78 00 0001 0001 0000012c 0004 0a000209")
    assert unpack_answer(answer(other + ADDRESS, 2), 0xABCD, NAME)[1] == ["10.0.2.2"]
    assert unpack_answer(answer(other), 0xABCD, NAME)[1] == []
    text = HEX("c00c 0010 0001 0000012c 0002 0178")
    chaos = HEX("c00c 0001 0003 0000012c 0004 0a000209")
    assert unpack_answer(answer(text + chaos + ADDRESS, 3), 0xABCD, NAME) == (0, ["10.0.2.2"], 300)


def test_failures_of_the_server_are_told_by_their_code():
    assert unpack_answer(answer(b"", 0, "8183"), 0xABCD, NAME) == (3, [], 0)
    assert unpack_answer(answer(b"", 0, "8182"), 0xABCD, NAME) == (2, [], 0)
    assert unpack_answer(answer(b"", 0), 0xABCD, NAME)[:2] == (0, [])


def test_times_to_live_are_bounded():
    assert unpack_answer(answer(HEX("c00c 0001 0001 7fffffff 0004 0a000202")), 0xABCD, NAME)[2] == MAX_TTL_S
    assert unpack_answer(answer(HEX("c00c 0001 0001 80000001 0004 0a000202")), 0xABCD, NAME)[2] == 0


def test_what_is_not_the_answer_to_this_question_is_refused():
    refused(answer(ADDRESS, ident="abce"))
    refused(answer(ADDRESS, flags="0180"))
    refused(answer(ADDRESS, flags="8980"))
    refused(answer(ADDRESS, flags="8380"))  # truncated
    refused(answer(ADDRESS, question=HEX("04 73686f71 07 6578616d706c65 00 0001 0001")))
    refused(answer(ADDRESS, question=HEX("04 73686f70 07 6578616d706c65 00 001c 0001")))
    refused(answer(ADDRESS, question=HEX("04 73686f70 07 6578616d706c65 00 0001 0003")))
    data = bytearray(answer(ADDRESS))
    data[5] = 0
    refused(data)
    data[5] = 2
    refused(data)


def test_answers_that_are_cut_short_are_refused():
    whole = answer(ADDRESS)
    for size in range(len(whole)):
        refused(whole[:size])
    refused(whole + bytes(512))
    refused(answer(ADDRESS, 2))
    refused(answer(ADDRESS * 33, 33))


def test_names_in_a_circle_or_without_end_are_refused():
    refused(answer(HEX("c01e 0001 0001 0000012c 0004 0a000202")))  # to itself
    refused(answer(HEX("c020 c01e 0001 0001 0000012c 0004 0a000202")))  # ahead, and back
    refused(answer(HEX("c0ff 0001 0001 0000012c 0004 0a000202")))
    refused(answer(HEX("01 61 c01e 0001 0001 0000012c 0004 0a000202")))  # a label longer each time round
    refused(answer(HEX("40 0001 0001 0000012c 0004 0a000202")))
    refused(answer((b"\x3f" + b"a" * 63) * 4 + b"\x00" + ADDRESS[2:]))
    aliases = HEX("c00c 0005 0001 00000064 0002 c00c")
    refused(answer(aliases))


def test_records_of_a_wrong_length_are_refused():
    refused(answer(HEX("c00c 0001 0001 0000012c 0003 0a0002")))
    refused(answer(HEX("c00c 0005 0001 0000012c 0003 c00c00")))
    refused(answer(HEX("c00c 0010 0001 0000012c ffff 00")))


def test_addresses_in_numbers_are_recognised():
    for text in ("0.0.0.1", "10.0.2.2", "255.255.255.255"):
        assert is_address(text)
    for text in (
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.-4",
        "1.2.3.",
        "a.b.c.d",
        "1.2.3.4 ",
        "1234.1.1.1",
    ):
        assert not is_address(text)


def test_names_that_are_none_are_local_errors():
    for name in ("", ".", "a..b", "a.", ".a", "a b", "\xe4", "x" * 64, ".".join(("x" * 63,) * 4)):
        with raises(LocalError):
            pack_name(name)
