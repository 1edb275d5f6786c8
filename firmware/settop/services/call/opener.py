"""The call's opener: ECMs say which portion is on air, the keyring has its control word, DVB-CISSA opens packets."""

from settop.errors import RemoteError
from settop.player.keyring import Keyring
from settop.player.portions import NEW_BROADCAST, NEW_PORTION, NOTHING, Portions
from settop.ts.descrambler import Descrambler
from settop.ts.packet import payload_offset
from settop.wire.dark import CLEAR, NO_ECM, NO_KEY
from settop.wire.ecm import SECTION_BYTES, unpack_ca_descriptor, unpack_ca_offer, unpack_ecm
from settop.wire.transport import LOWEST_FREE_PID, NULL_PID, PACKET_BYTES


def recognise(descriptor):
    """See settop.player.opener.Opener: a usable CA descriptor of ours."""
    ca = unpack_ca_descriptor(descriptor)
    if ca is None or not LOWEST_FREE_PID <= ca[0] < NULL_PID:
        return None
    return ca, unpack_ca_offer(descriptor)


class CallOpener:
    """See settop.player.opener.Opener. `keyring`: its control words; whoever puts one in or takes one out needs to do
    nothing else. `helper`: a SecondCore that shares in the opening, or None.

    It tells ("broadcast", programme id, broadcast id), ("portion", index, programme id, broadcast id) and
    ("lost_portion",).
    """

    def __init__(self, helper=None):
        self.keyring = Keyring()
        self.keyring.on_change = self._look_keys_up
        self.slots = None
        self.descrambler = None
        self._helper = helper
        self._portions = Portions()
        self._player = None
        self._believed = None  # `ca` of the last ECM that was believed
        self._ca = None  # where the tables lead
        self._ciphers = [None, None]  # by parity, even and odd: those that may open now

    def attach(self, player, slots):
        self._player = player
        self.slots = slots
        self.descrambler = Descrambler(slots, self._helper)

    def make_ready(self):
        """A call begins, keys will come. Its handshake leaves small pieces all over the memory: what is large has room
        now."""
        if self._player is not None:
            self._player.make_ring()
            self.descrambler.make_ready()

    def recognise(self, descriptor):
        return recognise(descriptor)

    def _tell(self, event):
        self._player.tell(event, self)

    @property
    def portion(self):
        return self._portions.portion

    @property
    def programme_id(self):
        return self._portions.programme_id

    @property
    def broadcast_id(self):
        return self._portions.broadcast_id

    def holds_key(self):
        portion = self._portions.portion
        return portion is not None and self._ciphers[portion & 1] is not None

    def missing(self):
        portions = self._portions
        if portions.portion is None or portions.is_shut():
            return NO_ECM
        return NO_KEY if self.keyring.cipher(portions.portion) is None else CLEAR

    # --- packets ----------------------------------------------------------------------------------------------------

    def open_run(self, slot, count, parity, now_ms):
        cipher = self._ciphers[parity]
        if cipher is None:
            cipher = self._early_cipher(parity, now_ms)
            if cipher is None:
                return self.slots.pass_over(slot, count)
        return self.descrambler.open_run(slot, count, cipher)

    def _early_cipher(self, parity, now_ms):
        """The next portion's, where its change is due and its ECM has not come."""
        portions = self._portions
        portion = portions.portion
        if portion is None or parity == portion & 1:
            return None
        early = portions.turn(now_ms)
        if early is None:
            return None
        self._ciphers[portion & 1] = None
        return self.keyring.cipher(early)

    # --- ECMs -------------------------------------------------------------------------------------------------------

    def take_up(self, ca):
        self._ca = ca
        if ca not in (None, self._believed):
            self._portions.doubt()
            self._look_keys_up()

    def tune(self, ca):
        self._ca = ca
        if ca in (None, self._believed):
            return
        self._forget()

    def leave(self, chosen):
        self._ca = None
        if chosen:
            self._forget()
        else:
            self._believed = None
            self._portions.doubt()
            self._look_keys_up()

    def _forget(self):
        self._believed = None
        known = self._portions.tune()
        self.keyring.wipe()
        if known:
            self._tell(("lost_portion",))
        self._look_keys_up()

    def on_message(self, packet, now_ms):
        at = payload_offset(packet)
        # The section lies whole in one packet, at its start.
        if not packet[1] & 0x40 or at + 1 + SECTION_BYTES > PACKET_BYTES or packet[at] != 0:
            return
        ecm = unpack_ecm(packet[at + 1 : at + 1 + SECTION_BYTES])
        if self._ca is None or ecm.programme_id != self._ca[1]:
            raise RemoteError("ECM of another programme than the PMT names")
        try:
            news = self._portions.hear(ecm, now_ms)
        except RemoteError:
            self._look_keys_up()
            raise
        self._believed = self._ca
        if news == NOTHING:
            return
        tell = self._tell
        if news == NEW_BROADCAST:
            self.keyring.wipe()
            tell(("broadcast", ecm.programme_id, ecm.broadcast_id))
        self.keyring.drop_before(ecm.portion)
        if news >= NEW_PORTION:
            tell(("portion", ecm.portion, ecm.programme_id, ecm.broadcast_id))
        self._look_keys_up()

    def stall(self, gap_ms):
        self._portions.stall(gap_ms)

    def look(self, now_ms, fed):
        portions = self._portions
        if portions.is_over(now_ms, fed):
            self.keyring.drop_before(portions.floor)
            self._tell(("lost_portion",))
            self._look_keys_up()

    def _look_keys_up(self):
        """A key has come or gone, or another portion: which cipher opens now."""
        self._ciphers[0] = self._ciphers[1] = None
        portion = self._portions.running()
        if portion is not None:
            # The other parity stays shut until the change is due.
            self._ciphers[portion & 1] = self.keyring.cipher(portion)
