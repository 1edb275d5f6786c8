# on the pico: long
"""Dates of certificates, out of their DER: what OpenSSL reads, and nothing out of what is damaged."""

import random

from certificates import SELF_SIGNED, SELF_SIGNED_DATES, SIGNED, SIGNED_DATES
from kit import raises
from settop.errors import RemoteError
from settop.net.validity import seconds_of, validity


def with_dates(first, last):
    """SIGNED with other dates of the same length."""
    return SIGNED.replace(b"\x17\x0d260101000000Z\x17\x0d261231235959Z", first + last)


def utc(text):
    return b"\x17\x0d" + text


def test_dates_are_those_that_openssl_reads():
    assert validity(SELF_SIGNED) == SELF_SIGNED_DATES
    assert validity(SIGNED) == SIGNED_DATES
    assert validity(memoryview(SIGNED)) == SIGNED_DATES


def test_days_are_counted_from_1970_over_leap_years():
    for year, month, day, seconds in (
        (1970, 1, 1, 0),
        (1950, 1, 1, -631152000),
        (2000, 2, 29, 951782400),
        (2000, 3, 1, 951868800),
        (2026, 11, 28, 1795824000),
        (2049, 12, 31, 2524521600),
        (2100, 3, 1, 4107542400),
        (9999, 12, 31, 253402214400),
    ):
        assert seconds_of(year, month, day) == seconds, year


def test_two_digits_of_a_year_are_from_1950_to_2049():
    first, last = validity(with_dates(utc(b"500101000000Z"), utc(b"491231235959Z")))
    assert (first, last) == (-631152000, 2524521600 + 86399)


def test_dates_that_are_none_are_refused():
    for text in (
        b"261301000000Z",
        b"260001000000Z",
        b"260132000000Z",
        b"260100000000Z",
        b"260229000000Z",
        b"260431000000Z",
        b"260101240000Z",
        b"260101006000Z",
        b"260101000060Z",
        b"260101000000+",
        b"26010100000 Z",
        b"+60101000000Z",
    ):
        with raises(RemoteError):
            validity(with_dates(utc(b"260101000000Z"), utc(text)))
    assert validity(with_dates(utc(b"260101000000Z"), utc(b"280229000000Z")))[1] == 1835395200
    with raises(RemoteError):
        validity(with_dates(b"\x18\x0d260101000000Z", utc(b"261231235959Z")))


def test_a_certificate_that_is_cut_short_is_refused():
    for size in range(len(SIGNED)):
        with raises(RemoteError):
            validity(SIGNED[:size])


def test_lengths_that_lie_are_refused():
    for at, octet in ((1, 0x80), (1, 0x84), (1, 0xFF), (2, 0xFF), (0, 0x31), (4, 0x02), (5, 0x80)):
        data = bytearray(SIGNED)
        data[at] = octet
        with raises(RemoteError):
            validity(data)


def test_damage_gives_dates_or_the_one_error():
    random.seed(7)
    for _ in range(300):
        data = bytearray(SIGNED)
        for _ in range(1 + random.getrandbits(1)):
            data[random.getrandbits(10) % len(data)] = random.getrandbits(8)
        try:
            first, last = validity(data)
        except RemoteError:
            continue
        assert -(10**10) < first < 10**12 and -(10**10) < last < 10**12
