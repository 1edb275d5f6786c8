"""A terminal with the service `shop`, and a shop made of the terminal's own parts, which says what the test says."""

import hashlib
import struct

from app_rig import KEY as DEVICE_KEY
from cut_rig import Power, PowerCut  # noqa: F401 (for the tests)
from network_rig import lines_of
from settop.crypto import x25519
from settop.crypto.sealing import PRIMITIVES
from settop.wire import shop as wire
from settop.wire import shop_channel as channel
from settop.wire.sealed import Sealed, transcript_of
from title_vectors import CENC, KEY, KID
from titles_rig import TERMINAL_ID
from titles_rig import Bench as TitlesBench

NOW = 1800000000000
OVER = (
    "shop_balance", "shop_redeemed", "shop_signed_out", "shop_bought", "shop_order", "shop_listed", "shop_downloaded",
    "shop_codec_missing", "shop_renewed", "shop_refused", "shop_failed", "shop_server", "shop_forgotten",
    "shop_household", "error",
)  # fmt: skip


class TitleFiles:
    """Titles in memory; a write that is cut leaves what was written by then. room: octets, or None."""

    def __init__(self, power=None):
        self.files = {}
        self.room = None
        self.power = power or Power()
        self._step = self.power.step
        self.synced = 0

    def size(self, path):
        return None if path not in self.files else len(self.files[path])

    def append(self, path):
        self._step()
        self.files.setdefault(path, b"")
        return File(self, path)

    def read(self, path):
        return File(self, path)

    def sync(self, file):
        self._step()
        self.synced += 1

    def rename(self, path, other):
        self._step()
        self.files[other] = self.files.pop(path)
        self._step()

    def remove(self, path):
        self._step()
        del self.files[path]
        self._step()

    def names(self, folder):
        return [path[len(folder) + 1 :] for path in self.files if path.startswith(folder + "/")]

    def free(self, folder):
        return None if self.room is None else self.room - sum([len(data) for data in self.files.values()])


class File:
    def __init__(self, files, path):
        self.files = files
        self.path = path
        self.at = 0

    def write(self, view):
        files = self.files
        if files.room is not None:
            view = view[: max(0, files.free(""))]
        if files.power.left < 0:
            files.files[self.path] += bytes(view)
            return len(view)
        for octet in bytes(view):
            files._step()
            files.files[self.path] += bytes((octet,))
        return len(view)

    def readinto(self, view):
        piece = self.files.files[self.path][self.at : self.at + len(view)]
        view[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        pass


class Shop:
    """`says`: by what is asked for, a function of the values that gives what is behind the reply's head, or a refusal
    (code, wait ms, text). `asked`: everything that was, with its values. `keys`: of the one client, by number; `due`:
    its key is to be renewed. `units`: octets of codecs' units by their path. `spoils`: what is done to an answer on its
    way. `loses`: answers that do not arrive.
    """

    CLIENT = b"client 1"

    def __init__(self, content=CENC):
        self.says = {}
        self.asked = []
        self.keys = {}
        self.due = False
        self.now_ms = NOW
        self.spoils = lambda octets: octets
        self.loses = []
        self.content = content
        self.units = {}
        self.breaks = []
        self.ranges = []
        self._session = None
        self._next = None

    def serve(self, line, request):
        head, _, body = request.partition(b"\r\n\r\n")
        if not head.startswith(b"POST /channel "):
            self._give(line, head.decode())
            return
        assert b"Content-Type: application/octet-stream" in head
        answer = self.spoils(self.answer(body))
        if self.loses and self.asked and self.asked[-1][0] in self.loses:
            self.loses.pop()
            line.reset = True
            return
        line.incoming += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer

    def answer(self, message):
        if message[0] == channel.HELLO:
            return self._challenge(message)
        sealed, ticket = channel.split_request(message)
        assert ticket == bytes(channel.TICKET_BYTES)
        counter, body = self._session.unseal(sealed, "request")
        what, *values = wire.unpack_request(body)
        self.asked.append((what, values))
        if self._number not in self.keys and what != wire.REGISTER:
            return channel.REFUSAL
        if self._number == 1 + min(self.keys or (0,)):
            self.keys = {self._number: self.keys[self._number]}
        return self._session.seal_at(counter, channel.REPLY, self._reply(what, values))

    def _challenge(self, hello):
        suite, who, its_id, number, _, theirs = channel.unpack_hello(hello)
        public = shared = b""
        if suite:
            private = bytes(range(32))
            public, shared = x25519.public_key(private), bytes(x25519.shared_secret(private, theirs))
        if who == channel.TERMINAL:
            assert its_id == TERMINAL_ID
            key = DEVICE_KEY
        else:
            assert its_id == self.CLIENT
            key = self.keys.get(number, bytes(32))
        self._number = number
        covered = channel.pack_challenge(suite, bytes(16), public)
        transcript = transcript_of(PRIMITIVES, channel.LABELS, hello, covered)
        more = 32 if suite else 0
        self._session = Sealed(PRIMITIVES, channel.LABELS, channel.TAG_BYTES, False, key + shared, transcript, more)
        return covered + bytes(channel.TICKET_BYTES) + self._session.proof

    def _reply(self, what, values):
        status = wire.OK
        if what == wire.REGISTER:
            self.keys = {1: bytes(self._session.more)}
            rest = self.CLIENT
        elif what == wire.RENEW:
            self.keys[self._number + 1] = bytes(self._session.more)
            rest = b""
        else:
            rest = self.says[what](*values)
            if isinstance(rest, tuple):
                status, rest = wire.NO, wire.pack_refusal(*rest)
        flags = wire.RENEWAL_DUE if self.due and what != wire.RENEW else 0
        return struct.pack(wire.REPLY_HEAD, status, self.now_ms, flags) + rest

    def _give(self, line, head):
        """The title, by ranges, as far as `breaks` has it."""
        first = 0
        for field in head.split("\r\n"):
            if field.startswith("Range: bytes="):
                first = int(field[13:-1])
        self.ranges.append(first)
        whole = self.units.get(head.split(" ")[1], self.content)
        body = whole[first:]
        said = f'HTTP/1.1 {206 if first else 200} X\r\nContent-Length: {len(body)}\r\nETag: "1"\r\n'
        if first:
            said += f"Content-Range: bytes {first}-{len(whole) - 1}/{len(whole)}\r\n"
        if self.breaks:
            body = body[: self.breaks.pop(0)]
            line.reset = True
        line.incoming += said.encode() + b"\r\n" + body


def text(*texts):
    out = b""
    for one in texts:
        out += wire.pack_text(one)
    return out


def right(title, name="Song X", kid=KID, key=KEY, new=1, terms=(1, 0, 0, 0)):
    return struct.pack(wire.RIGHT_HEAD, title, new, kid, key) + struct.pack(wire.TERMS, *terms) + text(name)


def content_of(octets, path="/copies/1"):
    return struct.pack(">Q32s", len(octets), hashlib.sha256(octets).digest()) + text(path)


class Bench(TitlesBench):
    """A terminal with titles, network and shop, which knows its shop. `files`: of titles."""

    def __init__(self, services=("network", "titles", "shop"), server=True, **options):
        super().__init__(services, **options)
        self.files = self.board.TITLE_FILES = TitleFiles()
        self.board.titles = Opened(self.files)
        self.shop = Shop()
        self.serve = self.shop.serve
        if server:
            self.ask("shop server http://10.0.2.2:8000", *OVER)

    @property
    def service(self):
        return self.app.services.get("shop")

    @service.setter
    def service(self, value):
        pass

    def go(self, words):
        """All that was said of an errand, but for the network."""
        said = self.ask(words, *OVER)
        for _ in range(1000):
            if self.service.errand is None:
                break
            said += self.turn(1)
        return [line for line in said if not line.startswith("network_")]

    def again(self):
        """The same flash behind a power cut."""
        from app_rig import start

        self.board.console.said = []
        self.files.power.left = -1
        self.board.net.made = []
        self.app = start(self.board)
        self.turn(2)
        lines_of(self.board)


class Opened:
    """The downloaded files as the board opens them."""

    def __init__(self, files):
        self._files = files

    def __contains__(self, path):
        return path in self._files.files

    def __getitem__(self, path):
        return self._files.files[path]
