"""What terminals ask for in the channel, done by the shop: one request, one reply (settop.wire.shop)."""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from settop.errors import RemoteError
from settop.wire import shop as wire
from settop.wire.ids import TERMINAL_ID_BYTES
from settop.wire.shop_channel import CLIENT, MAX_REPLY_BODY

from headend.shop.buying import Bought
from headend.shop.catalogue import PAGE
from headend.shop.clients import ClientKey
from headend.shop.codecs import Unit, Wanted
from headend.shop.core import Shop
from headend.shop.refusals import NO_GROUP, NO_PLAYER, NOT_SIGNED_IN, Refused
from headend.shop.rentals import Term

LINES = MAX_REPLY_BODY - wire.REPLY_HEAD_BYTES - 2
"""Octets of a list in one reply."""
LONGEST_LIST = 0xFFFF


@dataclass(frozen=True)
class Content:
    """Where a buyer's copy is had: `path` at the shop's server, its octets and their SHA-256."""

    path: str
    octets: int
    digest: bytes


DeviceKey = Callable[[bytes], bytes | None]
"""A terminal's device key by its id; None, after the same work, where it is not known or was revoked."""
Locate = Callable[[Bought, int], Content]
"""The copy of what was bought, for the user of this id."""
PlaceUnit = Callable[[Unit], str]
"""Where a codec's unit is had: its path at the shop's server."""


@dataclass(frozen=True)
class Caller:
    """Who asks: `who` and `its_id` as HELLO has them, by the key of this number. `next_key`: what the session agreed on
    beside its own keys, or nothing.
    """

    who: int
    its_id: bytes
    number: int
    next_key: bytes = field(repr=False)


class Requests:
    """Over a shop; the rest as headend.shop.channel.Channel has it."""

    def __init__(self, shop: Shop, locate: Locate, device_key: DeviceKey, place: PlaceUnit) -> None:
        self._shop = shop
        self._locate = locate
        self._place = place
        self._device_key = device_key

    def answer(self, caller: Caller, body: bytes, now_ms: int) -> bytes:
        """The reply's body. Raises RemoteError for what is no request of such a caller, LedgerError."""
        what, *values = wire.unpack_request(body)
        if caller.who != CLIENT:
            if what != wire.REGISTER:
                raise RemoteError("a terminal registers, and a client does the rest")
            client = self._shop.register_client(now_ms, caller.next_key, caller.its_id)
            return _reply(wire.OK, now_ms, 0, client.client_id)
        if what == wire.REGISTER or not self._shop.client_used(ClientKey(caller.its_id, caller.number, b""), now_ms):
            raise RemoteError("a client that has gone, or registers again")
        try:
            done = self._do(caller, what, values, now_ms)
            due = wire.RENEWAL_DUE if self._shop.renewal_due(caller.its_id, now_ms) else 0
            due |= wire.HOUSEHOLD_DUE if self._shop.list_due(caller.its_id) else 0
        except Refused as refused:
            return _reply(wire.NO, now_ms, 0, wire.pack_refusal(refused.code, refused.wait_ms, str(refused)))
        return _reply(wire.OK, now_ms, due, done)

    def _do(self, caller: Caller, what: int, values: list[str | int], now_ms: int) -> bytes:
        client = caller.its_id
        if what == wire.RENEW:
            if not caller.next_key:
                raise RemoteError("a renewal in a session that has agreed on no key")
            self._shop.renew_client(client, caller.next_key)
            return b""
        if what in (wire.SIGN_UP, wire.SIGN_IN):
            enter = self._shop.register_user if what == wire.SIGN_UP else self._shop.sign_in
            return self._balance(enter(str(values[0]), str(values[1]), now_ms, client))
        if what == wire.SIGN_OUT:
            self._shop.sign_out(client)
            return b""
        if what == wire.REDEEM:
            return struct.pack(">I", self._shop.redeem_on(client, str(values[0]), now_ms))
        if what == wire.TASTES:
            return self._tastes(client, int(values[0]))
        if what == wire.LIST:
            return self._list(client, int(values[0]), str(values[1]), str(values[2]), now_ms)
        if what == wire.OFFERS:
            return self._offers(int(values[1]), int(values[0]), now_ms)
        if what == wire.CODEC:  # any client's, also where nobody has signed in: a unit is no secret, and opens nothing
            return self._codec(*values)
        user = self._shop.user_of(client)
        if what == wire.BALANCE:
            return self._balance(user)
        if what in (wire.JOIN, wire.LEAVE):
            price = None if what == wire.LEAVE or values[1] == wire.ANY_PRICE else int(values[1])
            self._change(user, what, str(values[0]), now_ms, price)
            return self._balance(user)
        if what in (wire.BUY, wire.RENT):
            title, *offers, asked = (int(value) for value in values)
            price = None if asked == wire.ANY_PRICE else asked
            bought, is_new = self._shop.buy(user, title, now_ms, price, *offers)
            return _right(self._shop.deliver(bought, now_ms), is_new)
        if what == wire.RESTORE:
            return self._restore(user, int(values[0]), now_ms)
        if what == wire.CONTENT:
            content = self._locate(self._shop.right(user, int(values[0])), user)
            return struct.pack(">Q32s", content.octets, content.digest) + bytes(wire.pack_text(content.path))
        if what in (wire.HOUSEHOLD, wire.ADD, wire.REMOVE):
            return self._household(client, user, what, int(values[0]), now_ms)
        return self._shop.order_units(user, int(values[0]), now_ms)  # ORDER

    def _balance(self, user: int) -> bytes:
        return struct.pack(">Q", self._shop.balance(user))

    def _household(self, client: bytes, user: int, what: int, value: int, now_ms: int) -> bytes:
        if self._device_key(self._shop.terminal_of(client)) is None:
            raise Refused(NO_PLAYER)  # revoked since it registered
        if what == wire.HOUSEHOLD:
            return self._shop.newer_list(client, user, value)
        change = self._shop.join_player if what == wire.ADD else self._shop.leave_player
        change(user, value.to_bytes(TERMINAL_ID_BYTES, "big"), now_ms)
        return self._shop.newer_list(client, user, 0)

    def _change(self, user: int, what: int, name: str, now_ms: int, price: int | None) -> None:
        for taste in self._shop.tastes(user):
            if taste.name == name:
                if what == wire.JOIN:
                    self._shop.join(user, taste.group, now_ms, price)
                else:
                    self._shop.leave(user, taste.group)
                return
        raise Refused(NO_GROUP)

    def _tastes(self, client: bytes, after: int) -> bytes:
        lines = (
            struct.pack(">IB", taste.price, taste.member) + bytes(wire.pack_text(taste.name))
            for taste in self._shop.tastes(self._user_or_none(client))
        )
        return _part(lines, after)

    def _restore(self, user: int, after: int, now_ms: int) -> bytes:
        """Rights that have ended are passed over; what is in this part counts as delivered, and nothing else."""
        rights = self._shop.restore(user)
        lines: list[bytes] = []
        room = LINES
        for number, one in enumerate(rights[after:], after):
            if one.over(now_ms):
                continue
            room -= len(_right(one, False))
            if room < 0:
                return _part(lines, 0, number - len(lines), True)
            lines.append(_right(self._shop.deliver(one, now_ms), False))
        return _part(lines, 0)

    def _offers(self, title: int, after: int, now_ms: int) -> bytes:
        lines = (
            struct.pack(wire.OFFER, one.offer, one.price, one.begins_ms, one.ends_ms, one.holds_s)
            for one in self._shop.rentals(title, now_ms)
        )
        return _part(lines, after)

    def _codec(self, codec: str | int, board: str | int, *numbers: str | int) -> bytes:
        version, processor, bits, floor = (int(number) for number in numbers)
        unit = self._shop.codec_for(Wanted(str(codec), str(board), (version, processor, bits), floor))
        head = struct.pack(wire.CODEC_HEAD, unit.version, unit.size)
        return head + unit.digest + bytes(wire.pack_text(self._place(unit)))

    def _list(self, client: bytes, after: int, taste: str, words: str, now_ms: int) -> bytes:
        offers = self._shop.directory(self._user_or_none(client), taste or None, words, after, now_ms)
        lines = (
            struct.pack(">IIB", offer.title, offer.price, offer.bought)
            + bytes(wire.pack_text(offer.name))
            + bytes(wire.pack_text(offer.taste or ""))
            for offer in offers
        )
        return _part(lines, 0, after, len(offers) == PAGE)

    def _user_or_none(self, client: bytes) -> int | None:
        try:
            return self._shop.user_of(client)
        except Refused as refused:
            if refused.code != NOT_SIGNED_IN:
                raise
            return None


def _reply(status: int, now_ms: int, flags: int, rest: bytes) -> bytes:
    return struct.pack(wire.REPLY_HEAD, status, now_ms, flags) + rest


def _right(bought: Bought, new: bool) -> bytes:
    head = struct.pack(wire.RIGHT_HEAD, bought.title, new, bought.kid, bought.key)
    term = bought.term or Term()
    terms = struct.pack(wire.TERMS, bought.right, term.begins_ms, term.ends_ms, term.holds_s)
    return head + terms + bytes(wire.pack_text(bought.name))


def _part(lines: Iterable[bytes], after: int, before: int = 0, more: bool = False) -> bytes:
    """As many lines behind the first `after` as there is room for. before: how many lines were left out already; more:
    whether others follow the last of these.
    """
    taken = bytearray()
    count = 0
    for number, line in enumerate(lines):
        if number < after:
            continue
        if len(taken) + len(line) > LINES:
            more = True
            break
        taken += line
        count += 1
    follows = before + after + count
    return struct.pack(">H", follows if more and follows <= LONGEST_LIST else 0) + taken
