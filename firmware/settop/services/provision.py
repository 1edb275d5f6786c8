"""Provisioning on the board's side (settop.wire.provision): who may replace an identity, and what it is replaced by.

All that was brought is stored under a new lock key, in one step that a power cut cannot divide
(settop.keystore.relock).
"""

import gc

from settop.crypto import ccm, x25519
from settop.crypto.compare import equal
from settop.crypto.hkdf import hkdf, sha256
from settop.crypto.wipe import wipe, wipe_bytes
from settop.errors import FLASH_REFUSED, LocalError, RemoteError
from settop.keystore.identity import NAME, SERVICE, unpack_identity
from settop.keystore.keystore import unload
from settop.wire import provision as wire
from settop.wire.ids import TERMINAL_ID_BYTES

CONSENT_MS = 60000
_MODULES = (
    "settop.services.provision",
    "settop.wire.provision",
    "settop.crypto.x25519",
    "settop.keystore.relock",
    "settop.keystore.changes",
    "settop.keystore.blocks_rare",
)
_KEY_AT = 1 + TERMINAL_ID_BYTES
_AGAIN = "run `ringcast provision` again"
_REFUSED = "this is no answer for this board and this time: cut short, altered or replayed; " + _AGAIN
_HAS = (
    "this terminal has an identity (%s): its head-end replaces it by itself; another needs the button held, or "
    "`ringcast provision --replace` and your consent"
)


class Provisioner:
    """One provisioning after the other. `terminal`: see settop.services.face; `board` has its settings."""

    def __init__(self, terminal, board, keystore):
        self._terminal = terminal
        self._board = board
        self._keystore = keystore
        self._private = None
        self._sealing = None
        self._forget()

    def command(self, words, now_ms):
        """A console line. Returns the Identity that the terminal has from now on, or None.

        Raises RemoteError, LocalError and OSError, each with nothing changed.
        """
        step = (words[0], len(words))
        if step == (wire.ASK, 2):
            self._begin(words[1])
        elif step == (wire.SHOW_KEY, 3):
            self._open(words[1], words[2], now_ms)
        elif step == (wire.GIVE_CONSENT, 2):
            self._agree(words[1], now_ms)
        elif step == (wire.SET, 2):
            return self._finish(words[1])
        else:
            raise RemoteError("`ringcast provision` says what belongs here: it leads the dialogue, in its version 2")
        return None

    @property
    def idle(self):
        """Whether no provisioning is under way."""
        return self._private is None and self._sealing is None

    def unload(self):
        """What only a provisioning needs leaves the heap: a call may come right behind."""
        unload(*_MODULES)
        gc.collect()
        # The list of records was read amid what has gone now: a copy lies in a gap, and leaves the large piece whole.
        self._keystore.entries = bytes(memoryview(self._keystore.entries))

    def _forget(self):
        """Wipes what a provisioning has in memory; the next begins anew."""
        for secret in (self._private, self._sealing):
            if secret is not None:
                wipe(secret)
        self._commit = self._public = self._host_public = None
        self._private = self._sealing = None
        self._number = ""
        self._until_ms = 0

    # --- the exchange -----------------------------------------------------------------------------------------------

    def _begin(self, commit):
        self._forget()
        self._commit = _unhex(commit, wire.COMMIT_BYTES)
        headend = self._headend()
        drawn = self._terminal.random(x25519.KEY_BYTES)
        self._private = bytearray(drawn)
        wipe_bytes(drawn)
        self._public = x25519.public_key(self._private)
        terminal_id, damaged = self._known()
        self._terminal.report(
            wire.KEY,
            "%s %s=%s %s=%s"
            % (
                self._public.hex(),
                wire.WORD_HEADEND,
                wire.print_of(headend),
                wire.WORD_TERMINAL,
                wire.SAID_DAMAGED if damaged else terminal_id.hex() if terminal_id else wire.SAID_NONE,
            ),
        )

    def _open(self, key, authority, now_ms):
        if self._private is None or self._host_public is not None:
            raise LocalError("say `provision` first; " + _AGAIN)
        try:
            host_public = _unhex(key, wire.PUBLIC_KEY_BYTES)
            if not equal(sha256(wire.COMMIT_LABEL, host_public), self._commit):
                raise RemoteError("another key than the one announced: somebody may sit between; " + _AGAIN)
            if authority not in wire.AUTHORITIES:
                raise RemoteError("authority is one of " + ", ".join(wire.AUTHORITIES))
            terminal_id, damaged = self._known()
            has = terminal_id or damaged
            if authority == wire.AUTHORITY_OLD and not terminal_id:
                raise RemoteError("this terminal has no identity that opens; " + _AGAIN)
            if authority == wire.AUTHORITY_FIRST and has:
                raise RemoteError(_HAS % (terminal_id.hex() if terminal_id else "one that does not open"))
            self._host_public = host_public
            if authority != wire.AUTHORITY_CONSENT or not has or self._button():
                self._exchange(authority)
            else:
                self._ask(now_ms)
        except BaseException:
            self._forget()
            raise

    def _button(self):
        button = getattr(self._board, "button", None)
        return button is not None and button()

    def _ask(self, now_ms):
        drawn = int.from_bytes(self._terminal.random(4), "big")
        self._number = "%0*d" % (wire.SHORT_CODE_DIGITS, drawn % 10**wire.SHORT_CODE_DIGITS)
        self._until_ms = now_ms + CONSENT_MS
        self._terminal.report(
            wire.ASK_CONSENT,
            "%s %s within %d s gives this terminal another identity"
            % (wire.GIVE_CONSENT, self._number, CONSENT_MS // 1000),
        )

    def _agree(self, number, now_ms):
        asked, until_ms = self._number, self._until_ms
        self._number = ""
        try:
            if not asked:
                raise LocalError("nothing was asked; " + _AGAIN)
            if not equal(number.encode(), asked.encode()):
                raise RemoteError("that is not the number that was shown; " + _AGAIN)
            if now_ms > until_ms:
                raise RemoteError("that was too late: consent is good for %d s; %s" % (CONSENT_MS // 1000, _AGAIN))
            self._exchange(wire.AUTHORITY_CONSENT)
        except BaseException:
            self._forget()
            raise

    def _exchange(self, authority):
        """The key of the blob, and the code for the person at the bench."""
        headend = self._headend()
        secret = bytearray(3 * x25519.KEY_BYTES)
        try:
            for at, public in ((0, self._host_public), (x25519.KEY_BYTES, headend)):
                if public:
                    shared = x25519.shared_secret(self._private, public)
                    secret[at : at + x25519.KEY_BYTES] = shared
                    wipe(shared)
            terminal_id = None
            record = self._terminal.records(SERVICE).load(NAME) if authority == wire.AUTHORITY_OLD else None
            if record is not None:
                terminal_id = bytes(record[1:_KEY_AT])
                secret[2 * x25519.KEY_BYTES :] = memoryview(record)[_KEY_AT:]
                wipe(record)
            elif authority == wire.AUTHORITY_CONSENT:
                terminal_id = self._known()[0]
            said = wire.transcript(self._public, self._host_public, headend, authority, terminal_id)
            self._sealing = hkdf(secret, b"", said, wire.SECRETS_BYTES)
        finally:
            wipe(secret)
            wipe(self._private)
            self._private = None
        self._terminal.report(wire.SHORT_CODE, wire.code_of(sha256(wire.CODE_LABEL, said)))

    def _finish(self, blob):
        if self._sealing is None:
            raise LocalError("say `provision` first; " + _AGAIN)
        done, refused = wire.proofs_of(self._sealing)
        try:
            identity, failed = self._take(blob)
        except OSError as error:
            text = FLASH_REFUSED % error
        except (LocalError, RemoteError) as error:
            text = str(error)
        else:
            self._terminal.report(wire.DONE, "%s %s" % (identity.terminal_id.hex(), done))
            if failed:
                self._terminal.report("error", "not all of the new identity is in its place (%s): restart" % failed)
            return identity
        # With the proof the head-end knows that the identity is nowhere, and takes it back.
        self._terminal.report(wire.SAID_NO, "%s %s" % (refused, text))
        return None

    def _take(self, blob):
        """(the Identity, what is left to do or ""). Raises LocalError, RemoteError and OSError with nothing changed."""
        content = bytearray(0)
        try:
            view = memoryview(self._sealing)
            nonce = bytes(view[wire.SEALING_KEY_BYTES : wire.SEALING_KEY_BYTES + wire.SEALING_NONCE_BYTES])
            # What is no blob at all is opened, too, so that it takes its time and gets the same answer.
            sealed = _octets(blob)
            if len(sealed) < wire.SEALING_TAG_BYTES:
                sealed = bytes(wire.SEALING_TAG_BYTES)
            content = ccm.open(view[: wire.SEALING_KEY_BYTES], nonce, b"", sealed, wire.SEALING_TAG_BYTES)
            identity = _identity(content)
        except RemoteError:
            wipe(content)
            raise RemoteError(_REFUSED)
        finally:
            self._forget()
        gc.collect()
        try:
            return identity, keep(self._keystore, self._terminal.random, content)
        finally:
            wipe(content)

    # --- what the board knows and keeps -----------------------------------------------------------------------------

    def _headend(self):
        text = getattr(self._board, "HEADEND", "")
        if not text:
            return None
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != wire.PUBLIC_KEY_BYTES:
            raise LocalError("board_config.py: HEADEND is no public key; flash the board again with --headend")
        return key

    def _known(self):
        """(terminal id or None, whether there is an identity that does not open)."""
        try:
            record = self._terminal.records(SERVICE).load(NAME)
        except RemoteError:
            return None, True
        if record is None:
            lost = self._keystore.provisioned() == 0 and self._board.locks_damaged() > 0
            return None, lost or self._keystore.refusal != ""  # files that are gone had one, perhaps
        terminal_id = bytes(record[1:_KEY_AT])
        wipe(record)
        return terminal_id, False


def keep(keystore, random, content):
    """Makes what was brought, as `wire.pack_content` has it, what the terminal is, under a new lock key. What the
    services that it names kept of the old identity goes. Returns what the next start has to finish, as a text, or "".

    `random(n)` gives n fresh bytes. Raises RemoteError and OSError with nothing changed.
    """
    from settop.keystore.changes import names
    from settop.keystore.relock import replace

    share, record, brought = wire.split_content(content)
    rows = [(SERVICE, NAME, record, False)]
    for service in {service for service, _, _ in brought}:
        here = [name for of, name, _ in brought if of == service]
        rows += [(service, name, None, False) for name in names(keystore, service) if name not in here]
    rows += [(service, name, data, False) for service, name, data in brought]
    drawn = random(x25519.KEY_BYTES)
    lock = sha256(share, drawn)
    try:
        return replace(keystore, lock, rows)
    finally:
        wipe(lock)
        wipe_bytes(drawn)


def _identity(content):
    _, record, brought = wire.split_content(content)
    for service, name, data in brought:
        if (service, name) == ("call", "number") and wire.number_fault(data):
            raise RemoteError(_REFUSED)
    return unpack_identity(record)


def _octets(word):
    try:
        return bytes.fromhex(word)
    except ValueError:
        return b""


def _unhex(word, size):
    octets = _octets(word)
    if len(octets) != size:
        raise RemoteError("expected %d hex digits, as `ringcast provision` sends them" % (2 * size))
    return octets
