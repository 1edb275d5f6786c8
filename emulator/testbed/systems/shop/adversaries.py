"""Adversaries who speak with the shop over its channel, or bring it notices. Each does its work for real and leaves a
row, with what the same way gives to who has the right key, request or seller.
"""

import secrets

from headend.accounts.engine import transaction
from headend.shop import notice, orders
from headend.shop.clients import ClientKey
from headend.shop.refusals import Refused
from settop.wire import shop as requests
from settop.wire.shop_channel import HELLO, REPLY

from testbed.systems.shop.caller import REFUSED, Caller, registered
from testbed.systems.shop.scene import NOTHING, Scene, units_or_nothing

UNITS = 500
_TICKET_MS = 60 * 60 * 1000


class Bob:
    """Who has an account, a terminal of his own, and bad intentions. `user`: his number at the shop."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        bench = scene.bench
        own = bench.issue()
        self.client, self.key = registered(bench.front.ask, scene.random, own.terminal_id, own.device_key)
        login, password = f"bob-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        self.channel().ask(requests.SIGN_UP, login, password)
        self.user = scene.shop.user_of(self.client)

    def channel(self) -> Caller:
        """A new session."""
        return Caller(self._scene.bench.front.ask, self._scene.random, self.client, 1, self.key)

    def units(self) -> int:
        """What he has."""
        return self._scene.shop.balance(self.user)


def opens(scene: Scene, key: ClientKey) -> str:
    """The control for who has a key that counts no more: what a client gets by one that does. "": nothing."""
    caller = Caller(scene.bench.front.ask, scene.random, key.client_id, key.number, key.key)
    reply = caller.ask(requests.BALANCE)
    return "the balance" if caller.proven and reply is not None and not reply.code else ""


def old_key(scene: Scene, who: str, old: ClientKey, new: ClientKey | None, before: str = "") -> None:
    """The channel is opened with a key that counts no more, by each number that the shop might know it by; something is
    asked for also where the shop does not prove itself. new: the client's key now; before: what the old one gave while
    it counted, where there is none.
    """
    got, numbers = 0, (old.number, old.number + 1)
    for number in numbers:
        caller = Caller(scene.bench.front.ask, scene.random, old.client_id, number, old.key)
        got += caller.ask(requests.BALANCE) is not None or caller.proven
    right = opens(scene, new) if new else before
    control = f"{'with the new one' if new else 'before'}: {right or REFUSED}"
    got_it = f"the channel, {got} times" if got else NOTHING
    scene.tried(who, "opens the channel and asks", len(numbers), got_it, control, bool(right))


class Replayer:
    """Who sends every request again that he heard on the network, while its client and key still count."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._heard = self._tried = self._first = self._again = 0

    def sends_again(self) -> None:
        """All that he heard since the last time."""
        front = self._scene.bench.front
        for message, answer in front.carried[self._heard :]:
            if message[:1] != bytes((HELLO,)):
                self._tried += 1
                self._first += answer[:1] == bytes((REPLY,))
                self._again += front.ask(message)[:1] == bytes((REPLY,))
        self._heard = len(front.carried)

    def row(self) -> None:
        """What he got."""
        got = f"{self._again} replies" if self._again else NOTHING
        control = f"the first time: {self._first} of {self._tried} answered"
        who = "who sends every request of the channel again"
        self._scene.tried(who, "a reply", self._tried, got, control, self._first == self._tried)


def alters(scene: Scene, bob: Bob) -> None:
    """A genuine request with one bit changed in each of its octets, cut, lengthened, and behind its ticket's time."""
    ask = scene.bench.front.ask
    channel = bob.channel()
    message = channel.message(requests.BALANCE)
    tries = [_flipped(message, at) for at in reversed(range(len(message)))]  # those that end in a higher number last
    tries += [message[:-1], message + b"\0", message[: len(message) // 2], message[:1]]
    got = sum(ask(one)[:1] == bytes((REPLY,)) for one in tries)
    right = channel.read(ask(message))
    late = bob.channel().message(requests.BALANCE)
    scene.bench.later_ms += _TICKET_MS + 1000
    got += ask(late)[:1] == bytes((REPLY,))
    controlled = right is not None and not right.code
    control = "unaltered: " + ("the balance" if controlled else REFUSED)
    who, what = "who alters a request, cuts it, or keeps it for an hour", "a reply"
    scene.tried(who, what, len(tries) + 1, f"{got} replies" if got else NOTHING, control, controlled)


def notices(scene: Scene, bob: Bob) -> None:
    """Notices that no seller signed, and one that a seller did, again and again."""
    shop, now_ms = scene.shop, scene.bench.now_ms()
    seed = scene.random(32)
    with transaction(shop.engine) as connection:
        seller = orders.add_seller(connection, f"till {secrets.token_hex(6)}", notice.public_key(seed))
    order, other = (shop.order_units(bob.user, UNITS, now_ms) for _ in range(2))
    said = notice.Notice(seller, order, UNITS, now_ms)
    genuine = notice.sign(said, seed)
    forged = [notice.sign(said, scene.random(32)), genuine[: -notice.SIGNATURE_BYTES] + bytes(notice.SIGNATURE_BYTES)]
    forged += [_flipped(genuine, at) for at in range(len(genuine))] + [genuine[:-1], genuine + b"\0", b""]
    before = bob.units()
    for one in forged:
        _brought(scene, one)
    got = bob.units() - before
    _brought(scene, genuine)
    paid = bob.units() - before - got
    control = f"as a seller signed it: {paid} units"
    scene.tried("who forges a seller's notice", "units", len(forged), units_or_nothing(got), control, paid == UNITS)
    before = bob.units()
    for one in (genuine, genuine, genuine[:9] + other + genuine[25:]):
        _brought(scene, one)
    got = bob.units() - before
    who = "who brings a seller's notice again, and for another order"
    scene.tried(who, "units", 3, units_or_nothing(got), control, paid == UNITS)


def _brought(scene: Scene, data: bytes) -> None:
    """A notice is brought to the shop, which may refuse it."""
    try:
        scene.shop.accept_notice(data, scene.bench.now_ms())
    except Refused:
        pass


def _flipped(octets: bytes, at: int) -> bytes:
    """With one bit of that octet changed."""
    return octets[:at] + bytes((octets[at] ^ 1 << at % 8,)) + octets[at + 1 :]
