"""What the call keeps from one call to the next: records of the service "call" (settop.services.face).

    number     the call centre's telephone number, as provisioning left it: 1 to 20 characters of 0-9 * # A-D
    token      version u8 = 1, terminal id 8, token 8: what the terminal shows in its next call

A token of another terminal id is of an earlier identity, and none.
"""

from settop.crypto.wipe import wipe
from settop.errors import RemoteError, RingcastError
from settop.wire.call import NO_TOKEN, TOKEN_BYTES
from settop.wire.ids import TERMINAL_ID_BYTES

_VERSION = 1
_TOKEN_AT = 1 + TERMINAL_ID_BYTES


def load_number(records):
    """The provisioned number. Raises RemoteError where there is none or it is damaged, OSError for the flash's sake."""
    data = records.load("number")
    if data is None:
        raise RemoteError("no telephone number is provisioned: say `call NUMBER`, or run `ringcast provision`")
    return bytes(data).decode()


def load_token(records, terminal_id, report):
    """The token for the next call as a bytearray; NO_TOKEN where there never was one, which is stored: a record that is
    there already costs a call less memory. One that cannot be read is told, and counts as none: what follows from that
    is the centre's to say."""
    data = None
    try:
        data = records.load("token")
        if data is not None and (len(data) != _TOKEN_AT + TOKEN_BYTES or data[0] != _VERSION):
            raise RemoteError("%d bytes of an unknown version" % len(data))
        if data is not None and data[1:_TOKEN_AT] == terminal_id:
            return bytearray(memoryview(data)[_TOKEN_AT:])
        store_token(records, terminal_id, NO_TOKEN, report)
        return bytearray(NO_TOKEN)
    except (RingcastError, OSError, MemoryError) as error:
        report("error", "the last call's token cannot be read (%s): the centre may think this a copy" % error)
        return bytearray(NO_TOKEN)
    finally:
        if data is not None:
            wipe(data)


def store_token(records, terminal_id, token, report):
    """Whether the token is in flash now, where it outlives a power cut; why not is told."""
    data = bytearray(_TOKEN_AT + TOKEN_BYTES)
    data[0] = _VERSION
    data[1:_TOKEN_AT] = terminal_id
    data[_TOKEN_AT:] = token
    try:
        records.store("token", data)
        return True
    except (RingcastError, OSError, MemoryError) as error:
        report("error", "the next call's token cannot be stored (%s): free some flash, or replace the board" % error)
        return False
    finally:
        wipe(data)
