"""A card's number: what the check digit finds, and what is typed in its place."""

import pytest
from headend.shop.card_number import DIGITS, draw_number, printed, read_number
from headend.shop.refusals import CARD_MISTYPED, Refused
from hypothesis import given
from hypothesis import strategies as st


def is_read(typed):
    try:
        return read_number(typed)
    except Refused as refusal:
        assert refusal.code == CARD_MISTYPED
        return None


def test_vector_of_its_inventor():
    """572 has the check digit 4 (H. M. Damm's example); zeros in front change nothing."""
    assert is_read("572".rjust(15, "0") + "4")


def test_numbers_differ_and_are_read_as_they_are_printed():
    numbers = {draw_number() for _ in range(1000)}
    assert len(numbers) == 1000
    for number in numbers:
        assert is_read(number) == is_read(printed(number)) == is_read(printed(number).replace(" ", "-")) == number


@pytest.mark.parametrize("_", range(20))
def test_e7_every_wrong_digit_and_every_two_that_changed_places_are_found(_):
    number = draw_number()
    for at in range(DIGITS):
        for digit in "0123456789":
            if digit != number[at]:
                assert is_read(number[:at] + digit + number[at + 1 :]) is None
    for at in range(DIGITS - 1):
        swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        assert swapped == number or is_read(swapped) is None


@given(
    st.text(max_size=100) | st.text("0123456789 -", max_size=70) | st.text("0123456789٠１", min_size=16, max_size=16)
)
def test_whatever_is_typed_is_16_digits_or_refused(typed):
    found = is_read(typed)
    assert found is None or (len(found) == DIGITS and set(found) <= set("0123456789"))
