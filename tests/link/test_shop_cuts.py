"""The terminal's power goes while it registers, redeems, renews its key, buys, downloads and restores, with the real
shop behind it: what was done is done, and done once; asked again it is there. The soak tier takes every place.
"""

import pytest

from tests.helpers.shop_cuts import PRICE, UNITS, Life

CUTS = 10  # of each, at so many places
# What is done, in this order; what the shop or the flash is found at behind the cuts, old and new.
ROWS = (
    ("register", {0, 1}),
    ("redeem", {0, UNITS}),
    ("renew", {0, 1}),
    ("buy", {UNITS, UNITS - PRICE}),
    ("download", {0, 1}),
    ("restore", {True, False}),
)


def check(folder, cuts):
    life = Life(folder)
    for name, states in ROWS:
        seen = life.row(name, cuts)
        assert set(seen) == states, name
    assert life.bench.plays(life.title)
    return life.cuts


def test_wherever_the_power_goes_a_purchase_is_made_once_and_its_title_plays(tmp_path):
    print(f"{check(tmp_path, CUTS)} power cuts")


@pytest.mark.soak
def test_the_same_at_every_octet_and_every_step(tmp_path):
    print(f"{check(tmp_path, 1 << 40)} power cuts")
