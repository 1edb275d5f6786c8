"""A viewer's token, and the keys of one connection that come of it (docs/protocols/stream.md), without IO or clock.

settop.media.rtsp_client asks for the fields and gives what comes back; what arrives is opened where it lies.
"""

from settop.crypto.sealing import PRIMITIVES
from settop.crypto.wipe import wipe
from settop.crypto.x25519 import KEY_BYTES, public_key, shared_secret
from settop.errors import LocalError, RemoteError
from settop.media import key_text, srtp, srtp_suites
from settop.wire import stream as wire

SCHEME = "Ringcast"
SECURE = "RTP/SAVP"
_MOST_OFFER = 64
_MOST_PROOF = 24


class Guard:
    """token: its text; user: whose it is; suites: numbers of settop.wire.stream, the best first; random: n octets.

    suite: the one agreed upon, None before. dropped: packets that came and were not opened. Raises RemoteError for
    what is no token, LocalError where there are no suites.
    """

    def __init__(self, token, user, suites, random):
        if not suites:
            raise LocalError("no suite; expected one or more of settop.wire.stream.SUITES")
        self._sealed, self._secret = key_text.parse_token(token)
        self._user = user
        self._suites = suites
        self._random = random
        self._offer = None
        self._keys = None
        self._media = self._reports = self._back = None
        self.suite = None
        self.dropped = 0

    # --- what rtsp_client asks for ------------------------------------------------------------------------------

    def fields(self):
        """What the server is shown: never the secret, nor when the token ends."""
        return [("Authorization", "%s %s" % (SCHEME, key_text.pack_sealed(self._sealed))), ("From", self._user)]

    def offered(self, description):
        """The description's offer. Raises RemoteError where it has none, or would send anything in the clear."""
        for medium in description.media:
            if medium.protocol != SECURE:
                raise RemoteError("a description with a medium in the clear")
        found = None
        for name, value in description.others:
            if name == "key-mgmt":
                found = key_text.parse_attribute(value, _MOST_OFFER)
                if found is not None:
                    break
        if found is None or not description.media:
            raise RemoteError("a description without an offer of keys")
        _, suites = wire.parse_offer(found)
        self.suite = wire.choose(suites, self._suites)
        self._offer = found

    def answer(self, url):
        """The field of SETUP that answers the offer, which is used up. url: the one that was described. Raises
        RemoteError for a key of the server's that cannot be used, LocalError without an offer."""
        if self._offer is None or self._secret is None:
            raise LocalError("no offer to answer")
        offer = self._offer
        self._offer = None
        public, _ = wire.parse_offer(offer)
        scalar = bytearray(self._random(KEY_BYTES))
        bare = wire.pack_answer(self.suite, self._random(wire.NONCE_BYTES), public_key(scalar))
        try:
            shared = shared_secret(scalar, public)
        finally:
            wipe(scalar)
        whole = bytearray(len(self._secret) + len(shared))
        whole[: len(self._secret)] = self._secret
        whole[len(self._secret) :] = shared
        wipe(shared)
        self._keys = wire.Keys(PRIMITIVES, whole, self._sealed, url.encode(), offer, bare)
        wipe(whole)
        return [("KeyMgmt", key_text.pack_field(url, bare + bytes(self._keys.viewer_proof)))]

    def proved(self, value, way):
        """The server's answer: the field, as bytes or None, and the transport that it chose. Raises RemoteError where
        it does not prove that it knows the token, or would send in the clear."""
        proof = None if value is None else key_text.parse_field(value, _MOST_PROOF)
        keys = self._keys
        if keys is None or proof is None or not keys.proves_server(proof):
            raise RemoteError("the server does not prove that it knows the token")
        if not way.secure:
            raise RemoteError("the server would send in the clear")
        number = srtp_suites.named(keys.name)
        self._media = _session(number, keys.media)
        self._reports = _session(number, keys.reports)
        self._back = _session(number, keys.back)
        self._forget()

    # --- packets --------------------------------------------------------------------------------------------------

    def open(self, packet, size):
        """The SRTP packet in packet[:size] becomes RTP where it lies; its size then, 0 where it is dropped."""
        if self._media is None:
            return self._drop()
        try:
            return self._media.unprotect(packet, size)
        except RemoteError:
            return self._drop()

    def open_report(self, packet, size):
        """The same for SRTCP."""
        if self._reports is None:
            return self._drop()
        try:
            return self._reports.unprotect_control(packet, size)
        except RemoteError:
            return self._drop()

    @property
    def report_overhead(self):
        """What `seal_report` adds at most."""
        return self._back.control_overhead

    def seal_report(self, packet, size):
        """The RTCP packet in packet[:size] becomes SRTCP where it lies, `report_overhead` longer; its size then."""
        if self._back is None:
            raise LocalError("a report before there are keys, or behind their end")
        return self._back.protect_control(packet, size)

    def close(self):
        """Forgets token and keys: nothing that came can be opened any more."""
        self._forget()
        for session in (self._media, self._reports, self._back):
            if session is not None:
                session.close()
        self._media = self._reports = self._back = None

    def _drop(self):
        self.dropped += 1
        return 0

    def _forget(self):
        """What the keys were made from; SRTP has its own copies of them."""
        if self._keys is not None:
            self._keys.wipe()
            self._keys = None
        if self._secret is not None:
            wipe(self._secret)
            self._secret = None


def _session(number, pair):
    key, salt = pair
    master = bytearray(len(key) + len(salt))
    master[: len(key)] = key
    master[len(key) :] = salt
    try:
        return srtp.Session(number, master, max_streams=1)
    finally:
        wipe(master)
