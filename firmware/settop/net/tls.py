"""Whom a connection under TLS is made to: one certificate authority, a name, and a time that is known to have been.

A plain board's clock begins anew with each start. What is known is a time that somebody authenticated, and that it is
later now: so what had expired by then is refused, and what only begins later is not. Mbed TLS compares with the
board's clock as well, where its build does; therefore that clock is put forward to what is known
(settop.net.board_clock), and while it looks at a chain to what that chain claims, which is known once the server has
shown that it holds the key.
"""

from settop.errors import LocalError, RemoteError
from settop.net.validity import validity

# Why a server is not believed
EXPIRED = "the server's certificate has expired"
NOT_YET = "the server's certificate is not valid yet"
OTHER_NAME = "the server's certificate is for another name"
STRANGER = "the server's certificate is not of the authority that is trusted"
DAMAGED = "the server's certificate is damaged"
REFUSED = "the server's certificate is refused"
FAILED = "no agreement with the server on TLS"
FURTHEST_S = 400 * 86400  # a step of what is known; one certificate of 2060 would lock all others out
_FATAL = -0x3000  # MBEDTLS_ERR_X509_FATAL_ERROR: no mode of verification passes over it
# How Mbed TLS says it (mbedtls_x509_crt_verify_info), and CPython's ssl
_WORDS = (
    ("not correctly signed", STRANGER),
    ("self-signed", STRANGER),
    ("self signed", STRANGER),
    ("unable to get", STRANGER),
    ("Common Name", OTHER_NAME),
    ("ostname mismatch", OTHER_NAME),
    ("IP address mismatch", OTHER_NAME),
    ("has expired", EXPIRED),
    ("in the future", NOT_YET),
    ("not yet valid", NOT_YET),
)


class Trust:
    """What the servers of one service have to show.

    authority: the DER of the authority's certificate, or of the server's own where it is signed by itself. now_s:
    seconds since 1970. exact: it is the time; otherwise it is a time that has been, and `now_s` rises with what a
    server proves, by FURTHEST_S at once.
    set_clock: settop.net.board_clock's, where the board has no time of its own.

    Raises LocalError for an authority whose certificate is none.
    """

    def __init__(self, authority, now_s, exact=False, set_clock=None):
        try:
            self._until_s = validity(authority)[1]
        except RemoteError:
            raise LocalError("the authority that is to be trusted has no certificate in DER")
        self.now_s = now_s
        self.exact = exact
        self._authority = authority
        self._set_clock = set_clock
        self._context = None
        self._claimed_s = 0  # by a chain that was no more than early: the clock while the next are looked at
        self._moved_s = 0
        self.begin()
        self.end()

    def begin(self):
        """Before each turn of a handshake: Mbed TLS looks at a whole chain within one, and handshakes may go on beside
        each other."""
        self.fault = ""  # what a look at a certificate found
        self.latest_s = 0  # when the youngest certificate of the chain became valid; 0: none was looked at
        self._soonest_s = None  # when the first of them ends
        if self._claimed_s > self.now_s:
            self._moved_s = self._set_clock(self._claimed_s)

    def end(self):
        """Behind each turn: the board's clock goes by what is known."""
        if self._moved_s:
            self._set_clock(self.now_s, self._moved_s)
            self._moved_s = 0

    def wrap(self, tls, line, name):
        """The socket under TLS for the server `name`; its handshake comes with the first reads and writes.

        Raises OSError without memory.
        """
        if self._context is None:
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.verify_mode = tls.CERT_REQUIRED
            context.load_verify_locations(self._authority)
            context.verify_callback = self._look
            self._context = context
        if self._set_clock is not None:
            self._set_clock(self.now_s)
        return self._context.wrap_socket(line, server_hostname=name, do_handshake_on_connect=False)

    def _look(self, certificate, depth):
        """For every certificate of the chain, the authority's first, the server's last. Within Mbed TLS: no exception
        may pass through it."""
        try:
            first_s, last_s = validity(certificate)
        except Exception:  # no memory for it, say
            self.fault = DAMAGED
            return _FATAL
        self.latest_s = max(self.latest_s, first_s)
        self._soonest_s = last_s if self._soonest_s is None else min(self._soonest_s, last_s)
        if first_s > self.now_s and self.exact:
            self.fault = NOT_YET
        elif self._soonest_s < self.now_s or self._soonest_s < self.latest_s:  # by now, or when another one began
            self.fault = EXPIRED
        return _FATAL if self.fault else 0

    def proven(self, latest_s):
        """A handshake is done: the authority has said that its youngest certificate was valid from `latest_s` on."""
        if not self.exact and self.now_s < latest_s <= min(self.now_s + FURTHEST_S, self._until_s):
            self.now_s = latest_s

    def reason(self, error):
        """(why, whether another try may do better) of an error in a turn of a handshake, ValueError or OSError."""
        claimed_s, self._claimed_s = self._claimed_s, 0
        if self.fault:
            return self.fault, False
        text = str(error).strip()
        faults = [fault for words, fault in _WORDS if words in text]
        if faults == [NOT_YET] and "\n" not in text and not self.exact and self.latest_s > max(self.now_s, claimed_s):
            # Nothing else is wrong, so the authority has signed that it is at least so late. But whoever shows that may
            # be anybody: it is known when the next try gets through.
            if self._set_clock is not None:
                self._claimed_s = self.latest_s
            return NOT_YET, self._set_clock is not None
        if faults:
            return faults[0], faults[0] == EXPIRED and claimed_s > self.now_s  # it may have been the claim
        return (REFUSED, False) if isinstance(error, ValueError) else (FAILED, True)
