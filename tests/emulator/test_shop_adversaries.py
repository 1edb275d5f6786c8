"""The adversaries of `ringcast shop demo`: each gets nothing, and something as soon as its defence is switched off."""

from types import SimpleNamespace

import pytest
from Crypto.Cipher import AES
from headend.accounts.engine import open_database, transaction
from headend.accounts.master_key import MasterKey
from headend.crypto.sealing import PRIMITIVES
from headend.shop import card_number, cards, channel, clients, delivering, groups, notice, orders, throttle, tickets
from headend.shop.channel_requests import Requests
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from headend.shop.models import Order
from settop.wire import shop as requests
from settop.wire.dock import MEMBER
from sqlalchemy import update
from testbed.machines.cpython import use_shims
from testbed.scenario.sounds.tune import RATE, decoded, melody, write_tune
from testbed.systems.shop import adversaries, card_thieves, copying, listeners, thieves
from testbed.systems.shop.bench import ShopBench
from testbed.systems.shop.caller import Caller, registered
from testbed.systems.shop.flash import everything
from testbed.systems.shop.front import add_song
from testbed.systems.shop.scene import NOTHING, Scene, Seen
from testbed.systems.shop.story import SECONDS, play

from tests.helpers.shop import MASTER, PASSWORD, cheap_passwords

use_shims()

from settop.dock import contact  # noqa: E402
from settop.keystore import boot, keystore, relock, slots  # noqa: E402
from settop.services.dock.household import Households  # noqa: E402
from settop.services.titles.keys import Keys  # noqa: E402

PRICE = 30


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "song.mp3"
    write_tune(path, "mp3", melody(7, SECONDS, RATE), 64_000, RATE)
    return path


@pytest.fixture
def scene(song, tmp_path):
    """A shop and who has bought the song there, without a terminal."""
    engine = open_database(f"{tmp_path / 'shop.db'}")
    shop = Shop(engine, MASTER, cheap_passwords())
    bench = ShopBench("cpython", shop, Shelf(tmp_path / "shelf"), MASTER, 7, print)
    title = add_song(shop, bench.shelf, song, "A Song", PRICE, bench.now_ms())
    made = Scene(bench, Seen("cpython", 7, decoded(song)), song, title, print)
    made.card = shop.new_card(100, bench.now_ms())
    made.user = shop.register_user("ann", PASSWORD, bench.now_ms())
    shop.redeem(made.card, bench.now_ms(), made.user)
    shop.buy(made.user, title, bench.now_ms())
    yield made
    bench.close()
    engine.dispose()


@pytest.fixture
def bob(scene):
    return adversaries.Bob(scene)


def row(scene, who):
    """The one row of whoever's description begins so."""
    (found,) = [one for one in scene.seen.attempts if one.who.startswith(who)]
    return found


def tries(scene, who, attempt, mutate):
    """He gets nothing, with a control that succeeds; and something behind `mutate`, which switches his defence off."""
    attempt()
    assert row(scene, who).foiled, row(scene, who)
    scene.seen.attempts.clear()
    mutate()
    attempt()
    found = row(scene, who)
    assert found.got != NOTHING and not found.foiled, found


def heard_client(scene):
    """A new client: what makes a session of it, of which each message is heard on the network."""
    front, terminal = scene.bench.front, scene.bench.issue()
    client, key = registered(front.ask, scene.random, terminal.terminal_id, terminal.device_key)

    def ask(message):
        answer = front.ask(message)
        front.carried.append((message, answer))
        return answer

    return client, lambda: Caller(ask, scene.random, client, 1, key)


# --- who speaks with the shop -----------------------------------------------------------------------------------------


def test_an_old_communication_key_opens_no_channel(scene, bob, monkeypatch):
    old = clients.ClientKey(bob.client, 1, bob.key)
    new = scene.shop.renew_client(bob.client)
    assert adversaries.opens(scene, new) == "the balance"
    real = Shop.client_keys
    tries(
        scene,
        "bob",
        lambda: adversaries.old_key(scene, "bob", old, new),
        lambda: monkeypatch.setattr(Shop, "client_keys", lambda shop, client: [*real(shop, client), old]),
    )


def test_the_key_of_a_removed_client_opens_no_channel(scene, bob, monkeypatch):
    key = clients.ClientKey(bob.client, 1, bob.key)
    before = adversaries.opens(scene, key)
    scene.shop.remove_client(bob.user, bob.client, scene.bench.now_ms())
    tries(
        scene,
        "bob",
        lambda: adversaries.old_key(scene, "bob", key, None, before),
        lambda: monkeypatch.setattr(Shop, "client_keys", lambda shop, client: [key]),
    )


def test_a_request_is_answered_once(scene, bob, monkeypatch):
    _, session = heard_client(scene)

    def attempt():
        session().ask(requests.LIST, 0, "", "")
        replayer = adversaries.Replayer(scene)
        replayer.sends_again()
        replayer.row()
        scene.bench.front.carried.clear()

    tries(scene, "who sends every", attempt, lambda: monkeypatch.setattr(channel, "advance", lambda *place: True))


def opens_unseen(key, nonce, aad, sealed, tag_len):
    """AES-CCM without a look at the tag."""
    cipher = AES.new(bytes(key), AES.MODE_CCM, nonce=nonce, mac_len=tag_len)
    cipher.update(aad)
    return bytearray(cipher.decrypt(sealed[:-tag_len]))


def seals_nothing(key, nonce, aad, plaintext, tag_len):
    """In clear, with zeros for a tag."""
    return bytes(plaintext) + bytes(tag_len)


def test_a_request_that_was_altered_is_not_answered(scene, bob, monkeypatch):
    tries(
        scene,
        "who alters",
        lambda: adversaries.alters(scene, bob),
        lambda: monkeypatch.setattr(channel, "PRIMITIVES", (*PRIMITIVES[:4], opens_unseen, *PRIMITIVES[5:])),
    )


def test_a_request_that_comes_an_hour_late_is_not_answered(scene, bob, monkeypatch):
    tries(
        scene,
        "who alters",
        lambda: adversaries.alters(scene, bob),
        lambda: monkeypatch.setattr(tickets, "LIFE_MS", 2 * tickets.LIFE_MS),
    )


def test_a_forged_notice_brings_no_units(scene, bob, monkeypatch):
    tries(
        scene,
        "who forges",
        lambda: adversaries.notices(scene, bob),
        lambda: monkeypatch.setattr(notice, "verify", lambda data, key: None),
    )


def test_a_notice_that_comes_again_brings_no_units(scene, bob, monkeypatch):
    real = orders.accept

    def forgetful(connection, data, now_ms):
        connection.execute(update(Order).values(notice=None, transaction_id=None, seller_id=None))
        return real(connection, data, now_ms)

    tries(
        scene,
        "who brings",
        lambda: adversaries.notices(scene, bob),
        lambda: monkeypatch.setattr(orders, "accept", forgetful),
    )


# --- who has cards ----------------------------------------------------------------------------------------------------


def test_a_mistyped_card_is_not_looked_up(scene, bob, monkeypatch):
    tries(
        scene,
        "who mistypes",
        lambda: card_thieves.mistypes(scene, bob),
        lambda: monkeypatch.setattr(card_number, "_folded", lambda digits: 0),
    )


def test_guesses_at_cards_are_slowed_down(scene, bob, monkeypatch):
    tries(
        scene,
        "who guesses",
        lambda: card_thieves.guesses(scene, bob),
        lambda: monkeypatch.setattr(throttle, "wait_ms", lambda count: 0),
    )


def test_a_used_card_is_worth_nothing(scene, bob, monkeypatch):
    tries(
        scene,
        "who redeems the card",
        lambda: card_thieves.uses_again(scene, bob),
        lambda: monkeypatch.setattr(cards, "_unused", lambda card: card),
    )


def test_of_two_who_redeem_a_card_at_once_one_has_it(scene, monkeypatch):
    tries(
        scene,
        "who redeems one card",
        lambda: card_thieves.races(scene),
        lambda: monkeypatch.setattr(cards, "_unused", lambda card: card),
    )


# --- who searches -----------------------------------------------------------------------------------------------------


def known_of(scene):
    known = listeners.Known()
    listeners.learn_database(scene, known)
    return known


def test_no_key_is_found_on_the_network(scene, bob, monkeypatch):
    known, (client, session) = known_of(scene), heard_client(scene)
    scene.shop.sign_in("ann", PASSWORD, scene.bench.now_ms(), client)

    def attempt():
        session().ask(requests.RESTORE, 0)
        octets = b"".join(message + answer for message, answer in scene.bench.front.carried)
        listeners.search(scene, known, "who listens", octets)

    in_clear = (*PRIMITIVES[:3], seals_nothing, *PRIMITIVES[4:])
    tries(scene, "who listens", attempt, lambda: monkeypatch.setattr(channel, "PRIMITIVES", in_clear))


def test_no_key_is_found_in_a_copy_of_the_database(scene, monkeypatch):
    def attempt():
        scene.shop.join_player(scene.user, scene.bench.issue().terminal_id, scene.bench.now_ms())
        title = add_song(scene.shop, scene.bench.shelf, scene.source, "Another", 0, scene.bench.now_ms())
        scene.shop.buy(scene.user, title, scene.bench.now_ms())
        listeners.search(scene, known_of(scene), "who has", listeners.database(scene)[0])

    def in_clear():
        opened = MasterKey.open
        monkeypatch.setattr(MasterKey, "seal", lambda key, owner, secret: secret + bytes(16))
        monkeypatch.setattr(
            MasterKey,
            "open",
            lambda key, owner, sealed: sealed[:-16] if sealed.endswith(bytes(16)) else opened(key, owner, sealed),
        )

    tries(scene, "who has", attempt, in_clear)


def test_a_search_that_finds_nothing_where_there_is_something_is_no_safety(scene, monkeypatch):
    monkeypatch.setattr(listeners, "found_in", lambda secrets, octets: [])
    listeners.search(scene, known_of(scene), "who listens", b"whatever")
    found = row(scene, "who listens")
    assert found.got == NOTHING and not found.foiled


def test_who_has_nothing_to_search_in_is_not_foiled(scene):
    listeners.search(scene, known_of(scene), "who listens", b"")
    listeners.search_clear(scene, "who has the copies", b"")
    assert not row(scene, "who listens").foiled and not row(scene, "who has the copies").foiled


def test_no_clear_frame_is_found_in_a_copy(scene, monkeypatch, tmp_path):
    def attempt():
        right = scene.shop.right(scene.user, scene.title)
        path = scene.bench.shelf.copy_of(scene.shop.engine, right, scene.user)
        listeners.search_clear(scene, "who has the copies", path.read_bytes())
        path.unlink()

    real = delivering.pack

    def unprotected(source, output, lock, *more, **named):
        return real(source, output, None, *more, **named)

    tries(scene, "who has the copies", attempt, lambda: monkeypatch.setattr(delivering, "pack", unprotected))


# --- who takes units twice --------------------------------------------------------------------------------------------


def test_a_terminal_that_is_wiped_and_pays_again_is_noticed(tmp_path, monkeypatch):
    engine = open_database(f"{tmp_path / 'shop.db'}")
    with transaction(engine) as connection:
        taste = groups.set_group(connection, "Jazz", 10)
    real = Requests._restore

    def sells_too(desk, user, after, now_ms):
        desk._shop.join(user, taste, now_ms)
        return real(desk, user, after, now_ms)

    monkeypatch.setattr(Requests, "_restore", sells_too)
    try:
        seen = play("cpython", 7, Shop(engine, MASTER, cheap_passwords()), MASTER, tmp_path, print)
    finally:
        engine.dispose()
    (found,) = [one for one in seen.attempts if one.who.startswith("the shop, of her own")]
    assert found.got == "10 units, 1 bookings" and found.controlled
    assert {what for what, held, _ in seen.checks if not held} >= {"the balance is right to the unit"}


# --- who has devices --------------------------------------------------------------------------------------------------


def copied(scene, *ways):
    return copying.make_copies(scene, ways or ("bought",))


def stolen(scene):
    """All that a thief does."""
    copied(scene)
    thief = thieves.Thief(scene)
    thief.tries_copies()
    thief.rolls_back()
    thief.clones()


def test_a_thief_of_copies_and_keystores_hears_nothing(scene):
    stolen(scene)
    assert len(scene.seen.attempts) == 6 and all(one.foiled for one in scene.seen.attempts), scene.seen.attempts


def test_without_a_key_for_it_neither_terminal_nor_player_plays_the_file(scene, monkeypatch):
    key = scene.shop.right(scene.user, scene.title).key
    monkeypatch.setattr(Keys, "_find", lambda keys, kid: bytearray(key))
    stolen(scene)
    for who in ("who has the title's file", "another household's player"):
        assert row(scene, who).got.startswith("sound")


def test_a_player_that_is_of_no_household_is_not_docked(scene, monkeypatch):
    bench, real = scene.bench, Households.find

    def everybody(households, player_id):
        found = real(households, player_id)
        if found is not None:
            return found
        (player,) = [one for one in bench.issued if one.terminal_id == player_id]
        terminal = bench.identities["bedroom"].terminal_id
        return bytes(8), MEMBER, contact.pair_key(player.device_key, player_id, terminal)

    monkeypatch.setattr(Households, "find", everybody)
    copied(scene)
    thieves.Thief(scene).tries_copies()
    assert row(scene, "that player, in the dock").got == "player_docked"


def believed(store, found):
    """In place of settop.keystore.boot._judge: the list counts, whatever the counter says."""
    if found.data is None:
        return "it does not open"
    store.base, store.pending, store.entries = boot.unpack_list(found.data)
    return ""


def bound_to_less(monkeypatch, lock_of):
    """Records' keys come of no device id, and of `lock_of` the lock key."""
    real = slots.derive_keys

    def derive(lock, device, name, **more):
        return real(lock_of(lock), b"", name, **more)

    for module in (slots, keystore, relock):  # the last one is loaded anew by each provisioning
        monkeypatch.setattr(module, "derive_keys", derive)


def test_a_keystore_that_is_bound_to_no_device_plays_anywhere(scene, monkeypatch):
    """With the lock key beside it its device's id alone keeps it closed."""
    bound_to_less(monkeypatch, lambda lock: lock)
    stolen(scene)
    own, other = (one for one in scene.seen.attempts if one.who.startswith("another player"))
    assert own.foiled and other.got.startswith("sound")


def test_a_keystore_that_is_bound_to_no_lock_and_no_counter_plays_anywhere(scene, monkeypatch):
    bound_to_less(monkeypatch, lambda lock: bytes(32))
    monkeypatch.setattr(boot, "_judge", believed)
    stolen(scene)
    assert all(one.got.startswith("sound") for one in scene.seen.attempts if one.who.startswith("another player"))


def test_without_a_counter_an_older_keystore_is_believed(scene, monkeypatch):
    copied(scene)
    thief = thieves.Thief(scene)
    thief.tries_copies()
    monkeypatch.setattr(boot, "_judge", believed)
    thief.rolls_back()
    assert "a keystore that is believed" in row(scene, "who puts a terminal's older").got


def test_no_key_is_found_on_the_dock_s_cable(scene, monkeypatch):
    monkeypatch.setattr(contact, "ccm", in_clear_there())
    copied(scene)
    listeners.search(scene, known_of(scene), "who listens", copying.through_docks(scene))
    assert row(scene, "who listens").got == "title's key"


def test_no_key_is_found_in_a_flash(scene, monkeypatch):
    monkeypatch.setattr(slots, "ccm", in_clear_there())
    copied(scene)
    flashes = b"".join(everything(station.machine) for station in scene.bench.stations.values())
    listeners.search(scene, known_of(scene), "who reads", flashes)
    assert row(scene, "who reads").got == "title's key"


def in_clear_there():
    """settop.crypto.ccm that encrypts nothing."""
    return SimpleNamespace(
        seal=lambda key, nonce, aad, data, tag: bytes(data) + bytes(tag),
        open=lambda key, nonce, aad, sealed, tag: bytearray(bytes(sealed)[:-tag]),
    )
