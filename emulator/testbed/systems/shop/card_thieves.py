"""Adversaries with cards, over the channel: mistyped, guessed, used, and one card on two clients at one instant."""

from collections.abc import Iterator
from threading import Thread

from headend.shop.card_number import DIGITS, read_number
from headend.shop.refusals import CARD_MISTYPED, CARD_USED, NO_CARD, SLOW_DOWN, Refused
from headend.shop.throttle import FREE
from settop.wire import shop as requests

from testbed.systems.shop.adversaries import UNITS, Bob
from testbed.systems.shop.caller import Caller, registered
from testbed.systems.shop.scene import NOTHING, Scene, units_or_nothing

GUESSES = 20


def mistypes(scene: Scene, bob: Bob) -> None:
    """A card that there is, with each of its digits mistyped: the check digit finds it, and nothing is looked up."""
    channel, before = bob.channel(), bob.units()
    card = scene.shop.new_card(UNITS, scene.bench.now_ms())
    said = [_typed(channel, card[:at] + str((int(card[at]) + 1) % 10) + card[at + 1 :]) for at in range(DIGITS)]
    got = units_or_nothing(bob.units() - before)
    if said.count(CARD_MISTYPED) != len(said):
        got = f"{len(said) - said.count(CARD_MISTYPED)} looked up"
    control, controlled = _rightly(scene, bob, channel, card)
    scene.tried("who mistypes a card, at each of its digits", "units", len(said), got, control, controlled)


def guesses(scene: Scene, bob: Bob) -> None:
    """Numbers with the right check digit, one behind the other: a few are looked up, and then none, right or wrong."""
    channel, before = bob.channel(), bob.units()
    card = scene.shop.new_card(UNITS, scene.bench.now_ms())
    said = [_typed(channel, number) for number in _numbers(scene)]
    looked_up = len(said) - said.count(SLOW_DOWN)
    said.append(_typed(channel, card))
    got = units_or_nothing(bob.units() - before)
    if looked_up > FREE or said.count(NO_CARD) != looked_up or said[-1] != SLOW_DOWN:
        got = f"{looked_up} of {GUESSES} looked up without a wait"
    control, controlled = _rightly(scene, bob, channel, card)
    who = f"who guesses cards with the right check digit, of which {looked_up} are looked up, and then a true one"
    scene.tried(who, "units", len(said), got, control, controlled)


def uses_again(scene: Scene, bob: Bob) -> None:
    """A card that she has used, written in two ways, and his own a second time."""
    channel = bob.channel()
    card = scene.shop.new_card(UNITS, scene.bench.now_ms())
    control, controlled = _rightly(scene, bob, channel, card)
    before = bob.units()
    used = [scene.card, "-".join(scene.card[at : at + 4] for at in range(0, DIGITS, 4))]
    said = [_typed(channel, number) for number in used]
    _typed(channel, card)
    got = units_or_nothing(bob.units() - before)
    if said.count(CARD_USED) != len(said):
        got = "another answer than that it is used"
    who = "who redeems the card that she has used, and his own once more"
    scene.tried(who, "units", len(said) + 1, got, control, controlled)


def races(scene: Scene) -> None:
    """One card on two clients at the same instant, on which nobody has signed in: it is kept for one of them."""
    bench, ask = scene.bench, scene.bench.front.ask
    card = scene.shop.new_card(UNITS, bench.now_ms())
    channels = []
    for _ in range(2):
        own = bench.issue()
        client, key = registered(ask, scene.random, own.terminal_id, own.device_key)
        channels.append(Caller(ask, scene.random, client, 1, key))
    said: list[str | None] = []
    threads = [Thread(target=lambda one: said.append(_typed(one, card)), args=(channel,)) for channel in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = said.count("")
    got = NOTHING if done < 2 and done + said.count(CARD_USED) == len(threads) else f"its units {done} times"
    who = "who redeems one card on two clients at the same instant"
    scene.tried(who, "its units twice", len(threads), got, f"one of them: {done * UNITS} units", done == 1)


def _rightly(scene: Scene, bob: Bob, channel: Caller, card: str) -> tuple[str, bool]:
    """The control: the card as it is, behind whatever wait the shop wants."""
    before = bob.units()
    reply = channel.ask(requests.REDEEM, card)
    if reply is not None and reply.code == SLOW_DOWN:
        scene.bench.later_ms += reply.wait_ms
        channel.ask(requests.REDEEM, card)
    paid = bob.units() - before
    return f"a card that he bought, in its time: {paid} units", paid == UNITS


def _typed(channel: Caller, card: str) -> str | None:
    """What the channel says of a card: "" where it is credited, None where it says nothing."""
    reply = channel.ask(requests.REDEEM, card)
    return None if reply is None else reply.code


def _numbers(scene: Scene) -> Iterator[str]:
    """Numbers that check, by the run's seed."""
    for _ in range(GUESSES):
        digits = f"{int.from_bytes(scene.random(8), 'big') % 10 ** (DIGITS - 1):0{DIGITS - 1}}"
        yield next(digits + str(last) for last in range(10) if _checks(digits + str(last)))


def _checks(number: str) -> bool:
    try:
        read_number(number)
    except Refused:
        return False
    return True
