"""Service names: the SDT's sections and the characters of EN 300 468, annex A."""

import small_stream as air
from kit import HEX, raises
from settop.errors import RemoteError
from settop.player.names import MAX_NAMES, Names
from settop.ts.sdt import NAME_CHARS, text_of, unpack_sdt


def always(number):
    return True


def never(number):
    return False


def feed(names, section, counter=0, is_there=always, is_ours=never):
    for one in air.section_packets(0x11, section, counter):
        names.feed(one, is_there, is_ours)


def test_names_come_from_the_service_descriptor():
    other = b"\x5f\x04\x00\x00\x00\x28"
    section = air.sdt(((1, b"One"), (2, b"Two", other), (3, None), (4, None, other), (65535, b"Last")))
    assert [(n, bytes(raw)) for n, raw in unpack_sdt(section)] == [(1, b"One"), (2, b"Two"), (65535, b"Last")]


def test_rubbish_costs_the_service_that_has_it():
    for rubbish in (b"\x48", b"\x48\x09\x01", b"\x48\x00", b"\x48\x02\x01\x00", b"\x48\x03\x01\xff\x00", b"\x01\xff"):
        section = air.sdt(((1, None, rubbish), (2, b"Two")))
        assert [(n, bytes(raw)) for n, raw in unpack_sdt(section)] == [(2, b"Two")], rubbish
    # A name that says to be longer than its descriptor ends with it.
    assert bytes(unpack_sdt(air.sdt(((1, None, b"\x48\x05\x01\x00\x09ab"),)))[0][1]) == b"ab"


def test_damaged_and_foreign_sections_are_refused():
    section = air.sdt(((1, b"One"),))
    for at in range(len(section)):
        bad = bytearray(section)
        bad[at] ^= 1
        with raises(RemoteError):
            unpack_sdt(bytes(bad))
    rng = air.Rng(81)
    for _ in range(air.times(200)):
        for number, raw in unpack_sdt(air.table(0x42, 1, rng.octets(3 + rng.below(60)))):
            assert 0 <= number < 65536
            text_of(raw)


def test_character_tables():
    for raw, text in (
        (b"BBC One", "BBC One"),
        (b"\x86B\x87BC \x8a  One ", "BBC One"),
        (b"Espa\xc4na \xa4", "Espana ?"),  # ISO 6937: the accent comes before its letter
        (b"\x15" + HEX("c39c 6e c3ae 20 e697a5"), "\u00dcn\u00ee \u65e5"),
        (b"\x15\xff\xfeAB", "??AB"),
        (b"\x11" + HEX("041f 0440 0438"), "\u041f\u0440\u0438"),
        (b"\x01" + HEX("bfe0d8 f0"), "\u041f\u0440\u0438\u2116"),
        (b"\x10\x00\x05" + HEX("bfe0d8"), "\u041f\u0440\u0438"),
        (b"\x10\x00\x01K\xf6ln", "K\u00f6ln"),
        (b"\x05T\xfcrk", "T?rk"),
        (b"\x13\xc4\xe3AB", "??AB"),
        (b"\x1f\x01ABC", "ABC"),
        (b"", ""),
        (b"\x05", ""),
        (b"\x10", ""),
        (b"\x11\x00", ""),
    ):
        assert text_of(raw) == text, (raw, text_of(raw))


def test_a_name_is_one_line_of_bounded_length_that_steers_no_screen():
    assert text_of(b"A" * 255) == "A" * NAME_CHARS
    for raw in (
        b"a\x1b[31m\x07\x00\r\nb",
        b"\x15a\xe2\x80\xae\xe2\x80\xa8\xc2\x9b\xef\xbb\xbfb",
        b"\x11\x00a\x20\x2e\x00\x1b\xd8\x00\x00b",
    ):
        text = text_of(raw)
        assert text[0] == "a" and text[-1] == "b"
        for char in text:
            assert char == " " or 0x21 <= ord(char) < 0x7F
    rng = air.Rng(82)
    for _ in range(air.times(300)):
        text = text_of(rng.octets(1 + rng.below(60)))
        assert len(text) <= NAME_CHARS
        for char in text:
            assert 0x20 <= ord(char) < 0x7F or ord(char) > 0xA0


def test_names_follow_the_table_and_the_pat():
    names = Names()
    feed(names, air.sdt(((1, b"One"), (2, b"Two"))), is_there=lambda number: number == 1)
    assert (names.get(1), names.get(2)) == ("One", "")
    feed(names, air.sdt(((1, b"New"),), current=0), 1)
    feed(names, air.sdt(((1, b"Newer"),)), 2)
    assert names.get(1) == "Newer"
    names.keep(never)
    assert names.get(1) == ""
    feed(names, air.sdt(((1, b"Newer"),)), 3)
    assert names.get(1) == "Newer"


def test_a_section_that_is_known_is_not_read_again():
    names = Names()
    section = air.sdt(((1, b"One"),))
    feed(names, section)
    names._names.clear()
    feed(names, section, 1)
    assert names.get(1) == ""
    names.again()
    feed(names, section, 2)
    assert names.get(1) == "One"


def test_names_are_bounded_and_those_of_ours_come_first():
    names = Names()
    for number in range(0, MAX_NAMES + 20, 10):
        feed(
            names, air.sdt([(number + i, b"Name %d" % i) for i in range(10)], number=number // 10, last=9), number // 10
        )
    assert len(names._names) == MAX_NAMES and names.full
    feed(names, air.sdt(((900, b"Ours"), (901, b"Not")), number=9, last=9), 0, is_ours=lambda number: number == 900)
    assert len(names._names) == MAX_NAMES
    assert (names.get(900), names.get(901)) == ("Ours", "")
