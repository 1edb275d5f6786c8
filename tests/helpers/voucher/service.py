"""A toy system's terminal: whoever types a voucher, the programme's secret, sees every portion from there on."""

import struct

from settop.crypto.aes import aes_ecb
from settop.crypto.hkdf import hkdf
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.ts.descrambler import Descrambler
from settop.ts.packet import payload_offset
from settop.wire.dark import CLEAR, NO_ECM, NO_KEY
from settop.wire.ecm import SECTION_BYTES, unpack_ca_descriptor, unpack_ecm
from settop.wire.ids import NO_PORTION


def make(terminal):
    return VoucherService(VoucherOpener(), terminal.report)


class VoucherOpener:
    """settop.player.opener.Opener: believes every ECM, and derives the keys of its portion and of the next."""

    portion = programme_id = broadcast_id = None

    def __init__(self):
        self.secret = b""
        self._ciphers = [None, None]

    def attach(self, player, slots):
        self._player, self.slots = player, slots
        self._descrambler = Descrambler(slots)

    def recognise(self, descriptor):
        ca = unpack_ca_descriptor(descriptor)
        return None if ca is None else (ca, None)

    def take_up(self, ca):
        self.portion = None
        self.derive()

    tune = leave = take_up

    def on_message(self, packet, now_ms):
        at = payload_offset(packet) + 1
        ecm = unpack_ecm(packet[at : at + SECTION_BYTES])
        if ecm.portion == NO_PORTION:
            raise RemoteError("ECM of no portion")
        if ecm.portion != self.portion:
            self.portion, self.programme_id, self.broadcast_id = ecm.portion, ecm.programme_id, ecm.broadcast_id
            self._player.tell(("voucher_portion", ecm.portion), self)
            self.derive()

    def derive(self):
        self._ciphers[0] = self._ciphers[1] = None
        if self.portion is None or not self.secret:
            return
        for portion in (self.portion, self.portion + 1):
            info = b"ringcast cw 1" + struct.pack(">II", self.programme_id, portion)
            key = hkdf(self.secret, self.broadcast_id, info, 16)
            self._ciphers[portion & 1] = aes_ecb(key)
            wipe(key)
        self._player.make_ring()

    def stall(self, gap_ms):
        pass

    def look(self, now_ms, fed):
        pass

    def open_run(self, slot, count, parity, now_ms):
        cipher = self._ciphers[parity]
        if cipher is None:
            return self.slots.pass_over(slot, count)
        return self._descrambler.open_run(slot, count, cipher)

    def holds_key(self):
        return self._ciphers[0] is not None

    def missing(self):
        return NO_ECM if self.portion is None else CLEAR if self.secret else NO_KEY


class VoucherService:
    """settop.services.face.Service."""

    COMMANDS = ("voucher",)
    busy = ""
    refused = 0

    def __init__(self, opener, report):
        self.opener, self._report = opener, report

    def step(self, now_ms):
        return None

    def command(self, words, now_ms):
        try:
            self.opener.secret = bytes.fromhex(words[1])
        except (IndexError, ValueError):
            raise RemoteError("voucher takes its number, 32 hexadecimal digits") from None
        self._report("redeemed")
        self.opener.derive()
        self._tell_key()

    def on_event(self, event, now_ms):
        if event[0] == "voucher_portion":
            self._tell_key()

    def _tell_key(self):
        if self.opener.portion is not None and self.opener.secret:
            self._report("key", "portion=" + str(self.opener.portion))

    def status(self):
        return "voucher=%s" % ("yes" if self.opener.secret else "no")

    def stop(self):
        self.opener.secret = b""
        self.opener.derive()
