"""One signed module on its way into flash: from any service, in pieces of any size. Loaded when one comes."""

import hashlib

from settop.crypto.compare import equal
from settop.errors import LocalError, RemoteError
from settop.updates.intake import HEAD, MODULE, Intake
from settop.updates.loading import PREFIX, abi
from settop.updates.modules import NO_SIGNER
from settop.updates.record import Entry, Record
from settop.wire.update import REFUSED, fits

MAX_MODULES = 8


class Reception:
    """`write` the octets as they come, then `finish`; or `drop`. Whatever is refused is dropped: what was here runs on.
    Verifying the signature takes most of a second of a board's time, behind the 157th octet.

    `modules`: the Modules that it is for. LocalError: the board names nobody whose modules it takes.
    """

    def __init__(self, modules):
        signer(modules.board)
        self._modules = modules
        self._intake = Intake()
        self._record = None
        self._entry = None
        self._digest = None
        self._over = False

    @property
    def name(self):
        """Of the module, once it is believed; else ""."""
        return self._intake.head.name if self._record is not None else ""

    def write(self, octets):
        """RemoteError: refused. OSError: the flash is full, or fails. LocalError: it is over."""
        if self._over:
            raise LocalError("this update is over")
        view = memoryview(octets)
        at = 0
        try:
            while at < len(view):
                event, count = self._intake.take(view, at, len(view))
                if event == HEAD:
                    self._begin()
                elif event == MODULE:
                    self._digest.update(view[at : at + count])
                    self._modules.files.append(view[at : at + count])
                at += count
        except BaseException:
            self.drop()
            raise

    def finish(self):
        """All octets were given: the module's name, which is stored and waits for a start. Raises as write."""
        if self._over:
            raise LocalError("this update is over")
        intake = self._intake
        try:
            if self._record is None:
                raise RemoteError(REFUSED)
            self._modules.files.close()
            if not equal(self._digest.digest(), intake.head.digest):
                raise RemoteError(REFUSED)
            self._modules.put(intake.head.name, self._record, self._entry)
        except BaseException:
            self.drop()
            raise
        self._over = True
        return intake.head.name

    def drop(self):
        """It is given up. No error where it is over."""
        if self._over:
            return
        self._over = True
        if self._entry is not None:
            try:
                self._modules.files.close()
                self._modules.files.remove(self._modules.path(self._intake.head.name, self._entry))
            except OSError:
                pass  # nothing names it, and the next one takes its place

    def _tidy(self):
        """Takes away what power cuts left: files that no record names."""
        modules = self._modules
        named = []
        unknown = []  # whose record does not open: whatever is theirs stays
        for name in modules.names():
            try:
                record = modules.record(name)
                named += [modules.path(name, entry) for entry in (record.kept, record.new) if entry is not None]
            except RemoteError:
                unknown.append(PREFIX + name)
        for slot in "AB":
            folder = modules.folder + "/" + slot
            for file in modules.files.names(folder):
                if folder + "/" + file not in named and file.split(".")[0] not in unknown:
                    modules.files.remove(folder + "/" + file)

    def _begin(self):
        head = self._intake.head
        modules = self._modules
        self._record = _judged(modules, head, self._intake.signed(), self._intake.signature())
        slot = modules.make_room(head.name, self._record)
        self._entry = Entry(slot, head.version, head.mpy, head.length, head.digest)
        self._digest = hashlib.sha256()
        self._tidy()
        modules.files.begin(modules.path(head.name, self._entry))


def _judged(modules, head, signed, signature):
    """Whether this may be received: RemoteError where not, else the Record that it will have a place in.

    LocalError: the board's SIGNER is no key.
    """
    if not fits(head, modules.board.NAME, abi()):
        raise RemoteError(REFUSED)
    record = modules.record(head.name)
    if record is None:
        if len(modules.names()) >= MAX_MODULES:
            raise RemoteError("this terminal knows %d modules by name, the most that it takes" % MAX_MODULES)
        record = Record(head.kind, head.codec)
    newest = record.floor if record.new is None else max(record.floor, record.new.version)
    if head.version <= newest or (head.kind, head.codec) != (record.kind, record.codec):
        raise RemoteError(REFUSED)
    from settop.crypto.ed25519 import verify

    try:
        verify(signer(modules.board), signature, *signed)
    except RemoteError:
        raise RemoteError(REFUSED)
    return record


def signer(board):
    """The public key of whose modules the board takes. LocalError: it names none, or no key."""
    text = getattr(board, "SIGNER", "")
    if not text:
        raise LocalError(NO_SIGNER)
    from binascii import unhexlify

    try:
        return unhexlify(text)
    except ValueError:
        raise LocalError("SIGNER in board_config.py is no public key")
