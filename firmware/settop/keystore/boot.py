"""A keystore's start: loaded when it is wanted and given up behind it, as nothing of it is needed in a call."""

from settop.errors import FLASH_REFUSED, RemoteError
from settop.keystore.listing import LIST, UNKNOWN_BASE, unpack_list
from settop.keystore.slots import COUNTED

_AGAIN = "; provision again"
_ROLLED_BACK = "roll-back: the keystore's files are older than the board's counter, or gone" + _AGAIN


def start(keystore):
    """See Keystore.start."""
    number = 0
    wrong = ""
    try:
        locks = keystore.provisioned()
        if locks:
            settle(keystore)
            number = keystore.base + keystore.count
        elif keystore.board.locks_damaged():
            wrong = "the keystore's lock key is damaged" + _AGAIN
        if locks > 1:
            from settop.keystore.relock import finish

            finish(keystore)
    except RemoteError as error:
        wrong = str(error)
        if not number and keystore.refusal:
            try:
                number = keystore.base + keystore.board.count()
            except RemoteError as worn:
                wrong = str(worn)
    except OSError as error:
        wrong = FLASH_REFUSED % error
    return number & 0xFFFFFFFF, wrong


def settle(keystore):
    """Read the list, hold it against the counter, finish what it says, count once. RemoteError: it is refused."""
    read_list(keystore)
    if keystore.refusal:
        raise RemoteError(keystore.refusal)
    if not keystore.count:
        # Nothing was counted yet. What an older firmware left goes when there is a list that has its boot's number.
        keystore.commit(keystore.entries)
    for stem in keystore.pending.split():
        keystore.drop(stem)
    if keystore.unsure:
        keystore.commit(keystore.entries, "")


def read_list(keystore):
    """Take the list over from flash, or the reason why not."""
    keystore.unsure = True
    keystore.entries = b""
    keystore.pending = ""
    keystore.base = UNKNOWN_BASE
    for at in range(keystore.provisioned()):
        keystore.lock_at = at
        found = keystore.find(LIST, COUNTED)
        if found.data is not None:
            break
        keystore.lock_at = 0
    keystore.damaged_slots += found.damaged
    keystore.slot = found.slot
    try:
        keystore.count = keystore.board.counter()
        keystore.refusal = _judge(keystore, found)
    except RemoteError as error:
        keystore.refusal = str(error)
    if keystore.refusal:
        keystore.unsure = False
        keystore.entries = b""
        keystore.pending = ""


def _judge(keystore, found):
    """Take what the list says. Returns why it is refused, or ""."""
    if found.data is not None:
        keystore.base, keystore.pending, keystore.entries = unpack_list(found.data)
        if keystore.count > found.sequence:
            return _ROLLED_BACK
        if keystore.count < found.sequence - 1:
            return "the board's counter is behind its keystore: it was put back, or lost" + _AGAIN
    elif keystore.count == 0 and found.files < 2:
        # Nothing was ever counted: a new keystore, or that of an older firmware.
        keystore.base = 0
        for name in keystore.files.names(keystore.board.STORAGE):
            if name[:-2] in ("identity", "boot"):
                from settop.keystore.migrate import migrate

                migrate(keystore)
                break
    elif found.files:
        return "the keystore's list does not open: damaged, or sealed for another device" + _AGAIN
    else:
        return _ROLLED_BACK
    return ""
