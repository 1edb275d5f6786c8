"""Households (X15): who may be in one, and the list that a terminal takes; peers run them on PostgreSQL too."""

import secrets
import sys
from pathlib import Path

import pytest
from headend.accounts.engine import transaction
from headend.accounts.money import open_account
from headend.accounts.terminals import add_terminal
from headend.shop import refusals, throttle
from headend.shop.refusals import Refused
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import Identity
from settop.wire import dock as wire
from settop.wire import household
from testbed.machines.cpython import use_shims

from tests.helpers import shop as helper
from tests.helpers.shop import MASTER, NOW, Stall

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from settop.dock.contact import pair_key  # noqa: E402
from settop.services.dock.household import Households  # noqa: E402


class Records(dict):
    """A keystore's of one service."""

    def store(self, name, data, counted=False):
        assert counted
        self[name] = bytes(data)

    def load(self, name):
        return bytearray(self[name]) if name in self else None


@pytest.fixture
def shop():
    made = Stall(helper.new_database())
    yield made
    made.engine.dispose()


def device(shop):
    """A provisioned terminal or player."""
    identity = Identity(secrets.token_bytes(8), secrets.token_bytes(32))
    with transaction(shop.engine) as connection:
        account = open_account(connection, None)
        add_terminal(connection, MASTER, identity.terminal_id, identity.device_key, account)
    return identity


def refused(code, call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert caught.value.code == code


def taken(shop, user, terminal, records=None):
    """(household, serial, {player: (standing, pair)}) as the terminal has it."""
    households = Households(Records() if records is None else records, terminal)
    households.take(shop.household_list(user, terminal.terminal_id).hex())
    household_id, serial, players, _ = households.load()
    found = {}
    for number in range(players.count):
        _, player_id = players.player(number)
        _, standing, pair = households.find(player_id)
        found[player_id] = (standing, bytes(pair))
    return household_id, serial, found


def test_a_terminal_gets_the_players_of_its_user_with_the_keys_that_they_work_out(shop):
    user, terminal, one, two = shop.user(), device(shop), device(shop), device(shop)
    assert shop.join_player(user, one.terminal_id, NOW) and shop.join_player(user, two.terminal_id, NOW + 1)
    assert not shop.join_player(user, one.terminal_id, NOW + 2)
    _, _, players = taken(shop, user, terminal)
    assert players == {
        each.terminal_id: (wire.MEMBER, pair_key(each.device_key, each.terminal_id, terminal.terminal_id))
        for each in (one, two)
    }


def test_x15_up_to_n_players_join_and_the_next_is_refused_until_one_leaves(shop):
    user, players = shop.user(), [device(shop).terminal_id for _ in range(6)]
    for player in players[:5]:
        shop.join_player(user, player, NOW)
    refused(refusals.HOUSEHOLD_FULL, shop.join_player, user, players[5], NOW)
    assert [one.player_id for one in shop.players_of(user)] == sorted(players[:5])
    assert shop.leave_player(user, players[2], NOW + 1) and not shop.leave_player(user, players[2], NOW + 1)
    assert shop.join_player(user, players[5], NOW + 2)
    refused(refusals.HOUSEHOLD_FULL, shop.join_player, user, players[2], NOW + 3)


def test_how_many_there_may_be_is_set_within_what_a_list_can_say(shop):
    user, players = shop.user(), [device(shop).terminal_id for _ in range(3)]
    shop.set_most_players(user, 2)
    for player in players[:2]:
        shop.join_player(user, player, NOW)
    refused(refusals.HOUSEHOLD_FULL, shop.join_player, user, players[2], NOW)
    for most in (0, 1, household.MOST + 1):
        refused(refusals.HOUSEHOLD_FULL, shop.set_most_players, user, most)
    shop.set_most_players(user, 3)
    assert shop.join_player(user, players[2], NOW)


def test_a_player_is_of_one_household_at_a_time(shop):
    user, other, player = shop.user(), shop.user(), device(shop).terminal_id
    shop.join_player(user, player, NOW)
    refused(refusals.PLAYER_TAKEN, shop.join_player, other, player, NOW)
    assert not shop.leave_player(other, player, NOW)
    shop.leave_player(user, player, NOW)
    assert shop.join_player(other, player, NOW)
    refused(refusals.PLAYER_TAKEN, shop.join_player, user, player, NOW)


def test_one_that_has_left_stands_in_the_list_as_such_and_may_come_back(shop):
    user, terminal, player = shop.user(), device(shop), device(shop)
    shop.join_player(user, player.terminal_id, NOW)
    shop.leave_player(user, player.terminal_id, NOW + 1)
    assert taken(shop, user, terminal)[2][player.terminal_id][0] == wire.GONE
    shop.join_player(user, player.terminal_id, NOW + 2)
    assert taken(shop, user, terminal)[2][player.terminal_id][0] == wire.MEMBER


def test_of_those_that_have_left_a_list_has_the_latest(shop):
    user, terminal, players = shop.user(), device(shop), [device(shop).terminal_id for _ in range(12)]
    for number, player in enumerate(players):
        shop.join_player(user, player, NOW + number)
        shop.leave_player(user, player, NOW + number)
    assert list(taken(shop, user, terminal)[2]) == players[:1:-1]


def test_ids_of_players_are_not_tried_without_end(shop):
    user, other, player = shop.user(), shop.user(), device(shop).terminal_id
    for number in range(throttle.ASKED_AN_HOUR):
        refused(refusals.NO_PLAYER, shop.join_player, user, number.to_bytes(8), NOW)
    refused(refusals.SLOW_DOWN, shop.join_player, user, player, NOW)
    assert shop.join_player(other, player, NOW) and shop.leave_player(other, player, NOW)
    assert shop.join_player(user, player, NOW + throttle.HOUR_MS)


def test_a_serial_is_one_content_and_grows_when_something_changes(shop):
    user, other, terminal, player = shop.user(), shop.user(), device(shop), device(shop)
    records = Records()
    first = shop.household_list(user, terminal.terminal_id)
    assert shop.household_list(user, terminal.terminal_id) == first
    serials = [taken(shop, user, terminal, records)[1]]
    shop.join_player(user, player.terminal_id, NOW)
    serials.append(taken(shop, user, terminal, records)[1])
    shop.set_most_players(user, 2)
    serials.append(taken(shop, user, terminal, records)[1])
    # The terminal goes to another account, and comes back: no list of before is newer.
    serials.append(taken(shop, other, terminal, records)[1])
    serials.append(taken(shop, user, terminal, records)[1])
    assert serials == sorted(set(serials))
    with pytest.raises(RemoteError, match="not newer"):
        Households(records, terminal).take(first.hex())


def test_a_list_is_for_one_terminal_and_every_bit_of_it_counts(shop):
    user, terminal, other, player = shop.user(), device(shop), device(shop), device(shop)
    shop.join_player(user, player.terminal_id, NOW)
    blob = shop.household_list(user, terminal.terminal_id)
    with pytest.raises(RemoteError, match="another terminal"):
        Households(Records(), other).take(blob.hex())
    for bit in range(0, 8 * len(blob), 5):
        bad = bytearray(blob)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RemoteError):
            Households(Records(), terminal).take(bad.hex())
    for text in ("", "zz", blob.hex()[:-2], blob.hex() + "00", blob.hex() * 4):
        with pytest.raises(RemoteError):
            Households(Records(), terminal).take(text)
    with pytest.raises(LocalError, match="ringcast provision"):
        Households(Records(), None).take(blob.hex())


def test_no_device_key_is_in_a_list_and_it_fits_a_console_line(shop):
    user, terminal = shop.user(), device(shop)
    players = [device(shop) for _ in range(10)]
    for player in players[:5]:
        shop.join_player(user, player.terminal_id, NOW)
        shop.leave_player(user, player.terminal_id, NOW)
    for player in players[5:]:
        shop.join_player(user, player.terminal_id, NOW)
    blob = shop.household_list(user, terminal.terminal_id)
    assert len(household.pack_command(blob)) < 600
    assert len(taken(shop, user, terminal)[2]) == 10
    for one in (terminal, *players):
        assert one.device_key not in blob and one.device_key.hex() not in blob.hex()


def test_who_was_not_provisioned_joins_nothing_and_gets_no_list(shop):
    user = shop.user()
    for player in (b"", bytes(8), bytes(9)):
        refused(refusals.NO_PLAYER, shop.join_player, user, player, NOW)
        refused(refusals.NO_PLAYER, shop.household_list, user, player)
    refused(refusals.NOT_SIGNED_IN, shop.join_player, 99, bytes(8), NOW)


@pytest.mark.parametrize(
    ("most", "players"),
    [(0, 0), (household.MOST + 1, 0), (1, 2), (6, 11)],
)
def test_a_list_that_no_terminal_would_take_is_not_made(most, players):
    rows = [(wire.MEMBER, number.to_bytes(8, "big"), bytes(16)) for number in range(players)]
    with pytest.raises(LocalError):
        household.pack_list(most, rows)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\x02\x02",
        b"\x01\x02\x01",
        b"\x01\x02\x02" + bytes(24),
        b"\x01\x02" + 2 * (b"\x01" + bytes(24)),
        b"\x01\x01\x01" + bytes(24) + b"\x01" + bytes([1]) * 24,
        b"\x01\x06" + b"".join(b"\x00" + bytes([number]) * 24 for number in range(11)),
    ],
)
def test_a_content_that_cannot_be_is_refused(content):
    with pytest.raises(RemoteError):
        household.Household(bytearray(content))
