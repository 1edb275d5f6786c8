"""What the viewer wants of the shop, from the link to the last reply, over the sealed channel (channel.py): in
its first use the terminal registers, and it renews the key when the shop says so. A title comes beside the channel, and
behind it a unit for its codec where the terminal has none (codec.py).

The state table is states.ERRAND. What it tells: `shop_refused code=CODE wait_ms=N TEXT` where the shop's rules do not
allow it, `shop_failed TEXT` where it did not come about, and what `told.py` has; `shop_registered client=ID`,
`shop_renewed number=N`, `shop_downloading title=N octets=N from=N`, `shop_downloaded title=N octets=N path=PATH`;
`shop_codec_missing codec=C`, `shop_codec_downloading codec=C version=N octets=N from=N`,
`shop_codec codec=C version=N`.
"""

from settop.crypto.wipe import wipe
from settop.errors import FLASH_REFUSED, LocalError, RemoteError
from settop.services.shop import states
from settop.services.shop.channel import NOT_THE_SHOP, Channel
from settop.states import row_of
from settop.wire import shop as wire
from settop.wire import shop_channel as channel_wire

NO_LINK = "the network is gone"
ANSWER_BYTES = 5 + channel_wire.MAX_REPLY_BODY + channel_wire.TAG_BYTES
_FIELDS = (("Content-Type", "application/octet-stream"),)
_WHO = "shop"
_NONE = ("none", "down", "failed")


class Errand:
    """terminal: see settop.services.face. kept: settop.services.shop.kept.Kept. what, values: of wire.WHAT.

    `state`: one of states.ERRAND; `refused`: answers that were not the shop's. For told.py: `terminal`, `report`,
    `what`, `count` of lines, `content` (octets, SHA-256, path [, version]), `now_ms` and the shop's `unix_ms`.

    Raises LocalError where there is no network, no shop is known, or the terminal has no identity.
    """

    def __init__(self, terminal, kept, what, values, now_ms):
        self.state = "linking"
        self.refused = 0
        self.terminal = terminal
        self.report = terminal.report
        self.what = what
        self.count = 0
        self.content = None
        self.unix_ms = 0
        self.now_ms = now_ms
        self._values = values
        self._kept = kept
        self._server = kept.server()
        self._network = terminal.services.get("network")
        if self._network is None:
            raise LocalError("this board starts no network: it has no way to a shop")
        if terminal.identity() is None:
            raise LocalError("the shop knows a terminal by its identity: run `ringcast provision` first")
        self._channel = Channel(terminal.random)
        self._asked = what  # REGISTER and RENEW come before and behind it
        self._by_next = False  # the channel was opened by the next key
        self._tried_next = False
        self._due = False  # the key is to be renewed
        self._told = ""
        self._download = None
        self._codec = None  # of the title, once that is here
        self._answer = bytearray(ANSWER_BYTES)
        self._size = 0
        self._network.want(_WHO, now_ms)
        try:
            if self._network.state in _NONE:
                raise LocalError("there is no network: say network up, or network dial NUMBER")
            self._fetch = self._network.fetcher()
        except Exception:
            self._network.leave(_WHO, now_ms)
            raise

    def step(self, now_ms):
        """Moves on. Returns when it wants to be called again, or None."""
        self.now_ms = now_ms
        try:
            if self._network.state in _NONE:
                raise LocalError(NO_LINK)
            return self._go_on(now_ms)
        except (LocalError, RemoteError) as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(FLASH_REFUSED % error)
        return now_ms

    def give_up(self, why, now_ms):
        self.now_ms = now_ms
        self._fail(why)

    def progress(self):
        """See ShopService.progress."""
        return (self.state, 0, 0) if self._download is None else (self.state, self._download.here, self.content[0])

    def close(self):
        """Wipes what is secret."""
        self._channel.close()
        if self._download is not None:
            self._download.close()
        if self._codec is not None:
            self._codec.close()
        self._fetch.give_up()

    # --- turns --------------------------------------------------------------------------------------------------------

    def _go_on(self, now_ms):
        if self.state == "linking":
            if self._network.state == "up":
                self._given("up")
                return now_ms
            return None
        if self.state == "downloading":
            due_ms = self._download.step(now_ms)
            if self._download.state == "done":
                self._given("whole" if self._codec is None else "unit")
            return due_ms
        if self.state in ("looking", "handing"):
            given = self._codec.look() if self.state == "looking" else self._codec.hand(self._download.path)
            if given:
                self._given(given)
            return now_ms
        due_ms = self._fetch.step(now_ms)
        if self._fetch.state == "failed":
            raise RemoteError("the shop does not answer: %s" % self._fetch.failure)
        if self._fetch.state != "done":
            return due_ms
        if self._fetch.status != 200:
            raise RemoteError("the shop's server says %d" % self._fetch.status)
        self._answered(memoryview(self._answer)[: self._size])
        return now_ms

    def _answered(self, message):
        try:
            body = self._channel.receive(message)
        except RemoteError:
            self.refused += 1
            if self.state == "greeting" and self._by_next:
                self._given("strange")  # the shop has not got the next key: it knows the one before
                return
            raise
        if body is None:
            self._given("opened")
            return
        try:
            self._given(self._reply(wire.Reader(body)))
        finally:
            wipe(body)

    def _reply(self, reader):
        """What becomes of it, as states.ERRAND has it."""
        status, self.unix_ms, flags = reader.take(wire.REPLY_HEAD)
        self._due = bool(flags & wire.RENEWAL_DUE)
        if self._asked == wire.REGISTER:
            return self._registered(reader, status)
        if self._by_next:
            self._promote()
        if self._asked == wire.RENEW:
            client = self._kept.client()
            self._told = "number=%d" % (client.number + 1)
            client.wipe()
            return "renewed"
        if status != wire.OK:
            self.report("shop_refused", _told().refusal(reader))
            return "over" if self.content is None else "content"
        after = _told().tell(self, self._asked, reader)
        titles = self.terminal.services.get("titles")
        if titles is not None:
            titles.keys.learn_time(self.unix_ms, self.now_ms)
        if after and self._asked in wire.OF_PLAYERS:
            return "household"  # which tells the shop that it is here
        if after:
            self._values[0] = after
            return "more"
        if flags & wire.HOUSEHOLD_DUE and self._asked not in wire.OF_PLAYERS and self.terminal.services.get("dock"):
            return "household"
        if self.content is not None:
            return "content"
        return "due" if self._due and not self._by_next else "over"

    def _registered(self, reader, status):
        from settop.services.shop.kept import Client

        if status != wire.OK:
            raise RemoteError(NOT_THE_SHOP)
        client = Client(reader.key(channel_wire.ID_BYTES), 1, self._channel.next_key)
        try:
            self._kept.store_client(client)
        finally:
            client.wipe()
        self.report("shop_registered", "client=" + client.client_id.hex())
        return "registered"

    def _promote(self):
        """The shop has taken the next key: there is no other any more."""
        client = self._kept.client()
        try:
            if len(client.next_key):
                wipe(client.key)
                client.key, client.next_key = client.next_key, b""
                client.number += 1
                self._kept.store_client(client)
        finally:
            client.wipe()
        self._by_next = False

    # --- actions of the state table -----------------------------------------------------------------------------------

    def _given(self, given):
        row = row_of(states.ERRAND, self.state, given)
        if row is None:
            raise LocalError("%s is not possible in state %s of an errand" % (given, self.state))
        self.state = row[3]
        if row[2]:
            getattr(self, row[2])()

    def _greet(self):
        """HELLO: as a terminal where there is no client yet, by the next key where there is one."""
        self._channel.close()
        client = self._kept.client()
        if client is None:
            identity = self.terminal.identity()
            self._asked = wire.REGISTER
            hello = self._channel.hello(
                channel_wire.TERMINAL, identity.terminal_id, 0, identity.device_key, channel_wire.SUITE_X25519
            )
        else:
            try:
                self._by_next = bool(len(client.next_key)) and not self._tried_next
                self._tried_next = True
                if self._asked == wire.REGISTER:
                    self._asked = self.what
                number, key = client.number, client.key
                if self._by_next:
                    number, key = number + 1, client.next_key
                suite = channel_wire.SUITE_X25519 if self._asked == wire.RENEW else channel_wire.SUITE_PLAIN
                hello = self._channel.hello(channel_wire.CLIENT, client.client_id, number, key, suite)
            finally:
                client.wipe()
        self._post(hello)

    def _greet_to_renew(self):
        self._asked = wire.RENEW
        self._greet()

    def _ask(self):
        values = self._values
        if self._asked == wire.RENEW:
            self._keep_next()
        if self._asked == wire.HOUSEHOLD:
            values = (_told().serial_of(self),)
        elif self._asked == wire.CODEC:
            values = self._codec.wants()
        elif self._asked != self.what:
            values = ()
        self._post(self._channel.request(wire.pack_request(self._asked, *values)))

    def _ask_for_household(self):
        """Of its own accord: a player that was removed is to lose its keys at the next contact."""
        self._asked = wire.HOUSEHOLD
        self._ask()

    def _keep_next(self):
        """Before the shop hears of it: whatever is lost from here on, one of both keys opens the next channel."""
        client = self._kept.client()
        try:
            client.next_key = bytearray(self._channel.next_key)
            self._kept.store_client(client)
        finally:
            client.wipe()

    def _fetch_content(self):
        from settop.services.shop.download import Download
        from settop.titles.files import CODEC, files_of

        octets, digest, path = self.content[:3]
        title = self._values[0] if self._codec is None else CODEC
        self._channel.close()
        files = files_of(self.terminal.board)
        url = self._server + path
        self._download = Download(self._fetch, files, title, octets, digest, url, self.now_ms)
        where = "octets=%d from=%d" % (octets, self._download.begun)
        if self._codec is None:
            self.report("shop_downloading", "title=%s %s" % (title, where))
        else:
            self.report("shop_codec_downloading", "%s %s" % (self._codec_words(), where))

    def _have(self):
        from settop.services.shop.codec import Codec
        from settop.titles.files import files_of

        path = self._download.path
        self._told = "title=%d octets=%d path=%s" % (self._values[0], self.content[0], path)
        self.content = None
        self._codec = Codec(self.terminal, files_of(self.terminal.board), path)

    def _tell_and_end(self):
        """Both at once: it may be played as soon as it is said to be here."""
        self.report("shop_downloaded", self._told)
        self._end()

    def _greet_for_codec(self):
        """The channel was closed while the title came."""
        self.report("shop_downloaded", self._told)
        self.report("shop_codec_missing", "codec=" + self._codec.missing)
        self._codec.wants()  # where no unit could be taken, none is asked for
        self._asked = wire.CODEC
        self._greet()

    def _have_codec(self):
        self.report("shop_codec", self._codec_words())
        self._end()

    def _codec_words(self):
        return "codec=%s version=%d" % (self._codec.missing, self.content[3])

    def _renewed(self):
        self.report("shop_renewed", self._told)
        self._end()

    def _end(self):
        self.state = "idle"
        self._network.leave(_WHO, self.now_ms)
        self.close()

    def _fail(self, why):
        if self.state != "idle":
            if self._codec is not None and self._codec.missing:
                why = "the title is here, a unit for its codec %s is not: %s" % (self._codec.missing, why)
            try:
                self._end()
            except OSError as error:  # the part of a title that waited
                why = FLASH_REFUSED % error
            self.report("shop_failed", why)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _post(self, message):
        self._size = 0
        self._fetch.post(self._server + "/channel", message, self._take, self.now_ms, _FIELDS, ANSWER_BYTES)

    def _take(self, view, at):
        end = at + len(view)
        self._answer[at:end] = view
        self._size = end
        return len(view)


def _told():
    from settop.services.shop import told

    return told
