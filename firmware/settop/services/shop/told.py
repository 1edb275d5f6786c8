"""What the shop's replies tell the viewer, and what is kept of them: one function for what is asked for.

Each takes the errand and the reply's Reader, and returns what `after` is in the request for the rest of a list, or 0.
"""

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire import household
from settop.wire import shop as wire


def tell(errand, asked, reader):
    """See above; `asked`: of wire.WHAT."""
    return _BY_WHAT[asked](errand, reader)


def serial_of(errand):
    """Of the household's list that is here, or 0."""
    try:
        kept = errand.terminal.records("dock").load(household.COMMAND)
    except RemoteError:
        kept = None  # damaged, or put back: any takes its place
    return 0 if kept is None else household.split(kept)[1]


def refusal(reader):
    """What a reply of status NO says."""
    code, wait_ms, text = reader.text(), reader.take(">I")[0], reader.text()
    return "code=%s wait_ms=%d %s" % (plain(code), wait_ms, plain(text))


def plain(text):
    """Without what would do something to a console."""
    return "".join([char if 32 <= ord(char) < 127 or ord(char) > 159 else " " for char in text])


def take_right(errand, reader):
    """A title's key goes into the keystore. (title, new, key id, name)."""
    title, new = reader.take(">IB")
    kid = bytes(reader.key(16))
    key = reader.key(16)
    try:
        titles = errand.terminal.services.get("titles")
        if titles is None:
            raise LocalError("this board starts no service titles: it keeps no keys of any")
        terms = reader.take(wire.TERMS)
        if terms[1] or terms[2] or terms[3]:
            titles.keys.learn_time(errand.unix_ms, errand.now_ms, True)
            titles.keys.keep(kid, key, terms)
        else:
            titles.keys.keep(kid, key)
    finally:
        wipe(key)
    return title, new, kid, plain(reader.text())


def _balance(errand, reader):
    errand.report("shop_balance", "units=%d" % reader.take(">Q"))
    return 0


def _signed_out(errand, reader):
    errand.report("shop_signed_out")
    return 0


def _redeemed(errand, reader):
    errand.report("shop_redeemed", "units=%d" % reader.take(">I"))
    return 0


def _tastes(errand, reader):
    after = reader.take(">H")[0]
    while reader.more():
        price, member = reader.take(">IB")
        errand.report("shop_taste", "price=%d member=%d %s" % (price, member, plain(reader.text())))
        errand.count += 1
    return _rest(errand, after)


def _list(errand, reader):
    after = reader.take(">H")[0]
    while reader.more():
        title, price, bought = reader.take(">IIB")
        name = plain(reader.text())
        taste = plain(reader.text()).replace(" ", "_") or "none"
        errand.report("shop_title", "title=%d price=%d bought=%d taste=%s %s" % (title, price, bought, taste, name))
        errand.count += 1
    return _rest(errand, after)


def _bought(errand, reader):
    title, new, kid, name = take_right(errand, reader)
    errand.report("shop_bought", "title=%d new=%d kid=%s %s" % (title, new, kid.hex(), name))
    return 0


def _offers(errand, reader):
    after = reader.take(">H")[0]
    while reader.more():
        told = reader.take(wire.OFFER)
        errand.report("shop_offer", "offer=%d price=%d begins=%d ends=%d seconds=%d" % told)
        errand.count += 1
    return _rest(errand, after)


def _restored(errand, reader):
    after = reader.take(">H")[0]
    while reader.more():
        title, _, kid, name = take_right(errand, reader)
        errand.report("shop_right", "title=%d kid=%s %s" % (title, kid.hex(), name))
        errand.count += 1
    return _rest(errand, after)


def _content(errand, reader):
    errand.content = (reader.take(">Q")[0], bytes(reader.key(32)), reader.text())
    return 0


def _codec(errand, reader):
    version, octets = reader.take(wire.CODEC_HEAD)
    errand.content = (octets, bytes(reader.key(32)), reader.text(), version)
    return 0


def _order(errand, reader):
    errand.report("shop_order", bytes(reader.key(16)).hex())
    return 0


def _household(errand, reader):
    """The list goes to the service `dock`, which keeps it where it is newer: 1 then."""
    blob = reader.rest()
    dock = errand.terminal.services.get("dock")
    if len(blob) and dock is not None:
        try:
            dock.command([household.COMMAND, blob.hex()], errand.now_ms)
            return 1
        except (LocalError, RemoteError) as error:
            if errand.what in wire.OF_PLAYERS:
                raise
            errand.report("error", str(error))  # what the viewer wants comes about all the same
    elif errand.what in wire.OF_PLAYERS:
        errand.report("shop_household", "serial=%d" % serial_of(errand))
    return 0


def _rest(errand, after):
    if not after:
        errand.report("shop_listed", "count=%d" % errand.count)
    return after


_BY_WHAT = {
    wire.SIGN_UP: _balance,
    wire.SIGN_IN: _balance,
    wire.SIGN_OUT: _signed_out,
    wire.BALANCE: _balance,
    wire.REDEEM: _redeemed,
    wire.TASTES: _tastes,
    wire.JOIN: _balance,
    wire.LEAVE: _balance,
    wire.LIST: _list,
    wire.BUY: _bought,
    wire.RESTORE: _restored,
    wire.CONTENT: _content,
    wire.ORDER: _order,
    wire.HOUSEHOLD: _household,
    wire.ADD: _household,
    wire.REMOVE: _household,
    wire.OFFERS: _offers,
    wire.RENT: _bought,
    wire.CODEC: _codec,
}
