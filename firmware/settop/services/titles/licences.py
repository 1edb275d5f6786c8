"""The keys of titles, by key id: records of the service "titles" in the locked keystore (settop.services.face).

    NAME       the first 8 octets of the key id's SHA-256, in hex; a name has no room for the id itself
    content    version u8 = 1, key id 16, key 16

A key is in memory while a licence is taken or a title is opened, and wiped behind that.
"""

from settop.crypto.hkdf import hkdf, sha256
from settop.crypto.keywrap import unwrap
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire import licence as wire

_VERSION = 1
_KEY_AT = 1 + wire.KID_BYTES
_RECORD_BYTES = _KEY_AT + wire.KEY_BYTES
_NAME_BYTES = 8


class Licences:
    """records: of the service "titles" (settop.keystore.keystore.Records)."""

    def __init__(self, records):
        self._records = records

    def key(self, kid, use=None):
        """The key for a key id, as a bytearray for the caller to wipe, or None. use(name, data): gives that of a right
        with an end (terms.py). RemoteError: the record is damaged, or the right does not hold."""
        data = self._records.load(_name(kid))
        if data is None:
            return None
        try:
            if use is not None and data[0] == 2 and data[1:_KEY_AT] == kid:
                return use(_name(kid), data)
            if len(data) != _RECORD_BYTES or data[0] != _VERSION or data[1:_KEY_AT] != kid:
                return None  # of a later version, or of another id that begins alike
            return data[_KEY_AT:]
        finally:
            wipe(data)

    def command(self, words, terminal):
        """What the viewer says of them: licence BLOB, licence forget KID. Raises as `take` and `forget`."""
        if words[1] == wire.FORGET:
            terminal.report(wire.FORGOTTEN, "kid=" + self.forget(words[2]).hex())
        else:
            terminal.report(wire.LICENSED, "kid=" + self.take(words[1], terminal.identity()).hex())

    def take(self, text, identity):
        """Keeps the licence whose hex digits are `text`, which is for `identity`, and gives its key id.

        Raises LocalError where there is no identity, RemoteError for what is no licence for it, or where the keystore
        does not take it, OSError for the flash's sake.
        """
        if identity is None:
            raise LocalError("a licence is for a terminal with an identity: run `ringcast provision` first")
        try:
            blob = bytes.fromhex(text)
        except ValueError:
            blob = b""
        if len(blob) != wire.BLOB_BYTES:
            raise RemoteError("a licence has %d hex digits" % (2 * wire.BLOB_BYTES))
        kek = hkdf(identity.device_key, b"", wire.info_of(identity.terminal_id), wire.KEK_BYTES)
        try:
            found = unwrap(kek, blob)
        except RemoteError:
            raise RemoteError("this licence is for another terminal, or was altered on its way")
        finally:
            wipe(kek)
        view = memoryview(found)
        try:
            kid = bytes(view[: wire.KID_BYTES])
            self.keep(kid, view[wire.KID_BYTES :])
        finally:
            wipe(found)
        return kid

    def keep(self, kid, key, terms=None):
        """Keeps a key, which stays the caller's to wipe; for ever, or by terms (right, begins, ends, holds: terms.py).
        Raises RemoteError where the keystore does not take it, OSError for the flash's sake."""
        if terms is not None:
            from settop.services.titles.terms import keep_right

            keep_right(self._records, _name(kid), kid, key, terms)
            return
        data = bytearray(_RECORD_BYTES)
        try:
            data[0] = _VERSION
            data[1:_KEY_AT] = kid
            data[_KEY_AT:] = key
            self._records.store(_name(kid), data)
        finally:
            wipe(data)

    def forget(self, text):
        """Takes the licence away for the key id whose hex digits are `text`, also a damaged one; gives the key id.

        Raises LocalError where there is none, RemoteError for what is no key id, OSError for the flash's sake.
        """
        try:
            kid = bytes.fromhex(text)
        except ValueError:
            kid = b""
        if len(kid) != wire.KID_BYTES:
            raise RemoteError("a key id has %d hex digits" % (2 * wire.KID_BYTES))
        try:
            key = self.key(kid)
        except RemoteError:
            key = b""
        if key is None:
            raise LocalError("there is no licence for key id " + kid.hex())
        wipe(key)
        self._records.delete(_name(kid))
        return kid


def _name(kid):
    return bytes(memoryview(sha256(kid))[:_NAME_BYTES]).hex()
