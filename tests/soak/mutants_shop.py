"""Named mutants of headend.shop: who pays, once, and with what key."""

from tests.soak.mutants import Mutant

CORE = ("tests/host/test_shop.py",)
CARDS = ("tests/host/test_shop_cards.py",)
COPIES = ("tests/host/test_shop_delivering.py",)
CHANNEL = ("tests/host/test_shop_channel.py",)
HOUSEHOLD = ("tests/link/test_household_over_channel.py",)
TERMINAL = ("tests/firmware/test_shop_service.py", "tests/firmware/test_shop_download.py")

WEB = ("tests/host/test_shop_web.py",)
FILES = ("tests/host/test_shop_web_files.py",)
LIMITS = ("tests/host/test_shop_web_limits.py",)
WINDOW = ("tests/host/test_shop_window.py",)

MUTANTS = (
    Mutant(
        "a form of another site counts",
        "host/headend/shop/web/window/visitors.py",
        '    if not host or request.headers.getlist("origin") not in [[one] for one in ours]:',
        "    if False:",
        WINDOW,
    ),
    Mutant(
        "names are markup",
        "host/headend/shop/web/window/pages.py",
        "autoescape=True",
        "autoescape=False",
        WINDOW,
    ),
    Mutant(
        "scripts get the cookie",
        "host/headend/shop/web/window/visitors.py",
        "        secure=over_tls,\n        httponly=True,",
        "        secure=over_tls,\n        httponly=False,",
        WINDOW,
    ),
    Mutant(
        "signing in leads to another site",
        "host/headend/shop/web/window/visitors.py",
        '    return asked if len(asked) <= 200 and _PLACE.fullmatch(asked) else "/"',
        "    return asked",
        WINDOW,
    ),
    Mutant(
        "a session never ends by itself",
        "host/headend/shop/sessions.py",
        ', Session.until_ms > bindparam("now"))',
        ")",
        WEB,
    ),
    Mutant(
        "a licence for another user's client",
        "host/headend/shop/web/titles.py",
        "    if client_id not in desk.shop.clients_of(user):",
        "    if False:",
        WEB,
    ),
    Mutant(
        "a download goes on in other octets",
        "host/headend/http/ranged.py",
        ' or asked.get("if-range", etag).strip() != etag:',
        ":",
        FILES,
    ),
    Mutant(
        "a body has no limit",
        "host/headend/http/bodies.py",
        "                    if len(body) > self._limit:",
        "                    if False:",
        LIMITS,
    ),
    Mutant(
        "a notice that did not arrive is forgotten",
        "host/headend/shop/web/till.py",
        "        if answer != WAITING:",
        "        if True:",
        ("tests/host/test_shop_till.py",),
    ),
    Mutant(
        "anybody says what is paid",
        "host/headend/shop/web/till.py",
        "        if not hmac.compare_digest(",
        "        if False and not hmac.compare_digest(",
        ("tests/host/test_shop_till.py",),
    ),
    Mutant(
        "a purchase without units goes through",
        "host/headend/shop/buying.py",
        "        raise Refused(NO_UNITS)",
        "        pass",
        CORE,
    ),
    Mutant(
        "a key for the title alone",
        "host/headend/shop/buying.py",
        "key = secrets.token_bytes(KEY_BYTES)",
        "key = title_id.to_bytes(KEY_BYTES)",
        CORE,
    ),
    Mutant(
        "who is no member gets the group's key",
        "host/headend/shop/buying.py",
        "title.group_id is not None and title.member is not None",
        "title.group_id is not None",
        CORE,
    ),
    Mutant(
        "a used card is credited again",
        "host/headend/shop/cards.py",
        "if found.transaction_id is not None or found.client_id is not None:",
        "if False:",
        CORE,
    ),
    Mutant(
        "the check digit is not looked at",
        "host/headend/shop/card_number.py",
        "if _folded(digits):",
        "if False:",
        CARDS,
    ),
    Mutant(
        "a notice is believed unsigned",
        "host/headend/shop/orders.py",
        "    notice.verify(data, key)\n",
        "",
        CORE,
    ),
    Mutant(
        "a notice is credited each time",
        "host/headend/shop/orders.py",
        "if order.transaction_id is not None:",
        "if False:",
        CORE,
    ),
    Mutant(
        "a revoked seller is believed",
        "host/headend/shop/orders.py",
        "    known = (Seller.seller_id == said.seller_id, Seller.revoked_ms.is_(None))",
        "    known = (Seller.seller_id == said.seller_id,)",
        CORE,
    ),
    Mutant(
        "an unknown login costs no work",
        "host/headend/shop/passwords.py",
        "            return self._hasher",
        "            return digest is not None and self._hasher",
        CORE,
    ),
    Mutant(
        "who guesses is not slowed down",
        "host/headend/shop/throttle.py",
        "    if now_ms < found.until_ms:",
        "    if False:",
        CORE,
    ),
    Mutant(
        "the old communication key stays good",
        "host/headend/shop/clients.py",
        "number not in (found.key_number, found.key_number + 1)",
        "number > found.key_number + 1",
        CORE,
    ),
    Mutant(
        "a request over the channel counts again",
        "host/headend/shop/places.py",
        "set_=values, where=before",
        "set_=values",
        CHANNEL,
    ),
    Mutant(
        "a list counts as there when it was sent",
        "host/headend/shop/terminals.py",
        "connection.execute(mine.values(serial=serial))",
        "connection.execute(mine.values(serial=split(found)[1]))",
        HOUSEHOLD,
    ),
    Mutant(
        "the terminal does not ask for a list that is due",
        "firmware/settop/services/shop/errand.py",
        "if flags & wire.HOUSEHOLD_DUE and",
        "if False and",
        HOUSEHOLD,
    ),
    Mutant(
        "who joins pays another price than he saw",
        "host/headend/shop/groups.py",
        "if seen is not None and seen != price:",
        "if False:",
        CHANNEL,
    ),
    Mutant(
        "a key is agreed on without an exchange",
        "host/headend/shop/channel_requests.py",
        "if not caller.next_key:",
        "if caller.next_key is None:",
        CHANNEL,
    ),
    Mutant(
        "a ticket stays good for ever",
        "host/headend/shop/tickets.py",
        "if now_ms - ticket.issued_ms > LIFE_MS:",
        "if ticket.issued_ms > LIFE_MS * now_ms:",
        CHANNEL,
    ),
    Mutant(
        "an unknown client costs the shop less",
        "host/headend/shop/channel.py",
        "        if not found:\n",
        "        if found is None:\n",
        CHANNEL,
    ),
    Mutant(
        "a download counts as a title before it was looked at",
        "firmware/settop/services/shop/download.py",
        "if self._hash.digest() != bytes(self._digest):",
        "if not self._hash.digest():",
        TERMINAL,
    ),
    Mutant(
        "a download begins anew each time",
        "firmware/settop/services/shop/download.py",
        "self.begun = self._files.size(self._part) or 0",
        "self.begun = 0",
        TERMINAL,
    ),
    Mutant(
        "the next key is stored when the shop has it already",
        "firmware/settop/services/shop/errand.py",
        "        if self._asked == wire.RENEW:\n            self._keep_next()\n        if",
        "        if",
        TERMINAL,
    ),
    Mutant(
        "an answer that is not genuine leaves the channel open",
        "firmware/settop/services/shop/channel.py",
        '            self._end("wrong")\n            raise RemoteError(NOT_THE_SHOP)',
        "            raise RemoteError(NOT_THE_SHOP)",
        ("tests/firmware/test_shop_channel.py",),
    ),
    Mutant(
        "a right that comes again has not been played",
        "firmware/settop/services/titles/terms.py",
        "first_ms = kept[4]",
        "first_ms = 0",
        ("tests/firmware/test_title_terms.py",),
    ),
    Mutant(
        "the time is not kept while a title plays",
        "firmware/settop/services/titles/terms.py",
        "        try:\n            self.clock.keep(now_ms)\n            if",
        "        try:\n            if",
        ("tests/firmware/test_title_terms.py",),
    ),
    Mutant(
        "a clock that was put back is believed",
        "firmware/settop/services/titles/terms.py",
        "struct.pack(_CLOCK_FORM, 1, late_ms), counted=True)",
        "struct.pack(_CLOCK_FORM, 1, late_ms))",
        ("tests/firmware/test_title_terms.py",),
    ),
    Mutant(
        "a refund leaves the right",
        "host/headend/shop/buying.py",
        "values(refunded_ms=now_ms)",
        "values(refunded_ms=None)",
        CORE,
    ),
    Mutant(
        "all titles of a group have the same IVs",
        "host/headend/shop/delivering.py",
        "seed = _IV_CONTEXT + self._digest +",
        "seed = _IV_CONTEXT +",
        COPIES,
    ),
    Mutant(
        "an original that was changed is packed",
        "host/headend/shop/delivering.py",
        "or _digest(original) != title.digest:",
        "or False:",
        COPIES,
    ),
)
