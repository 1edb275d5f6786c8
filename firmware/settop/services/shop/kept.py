"""What the terminal keeps of its shop: records of the service "shop" (settop.services.face).

    server    version u8 = 1, URL: where the shop is, without a path
    client    version u8 = 1, client id 8, key number u32, communication key 32 [, the next one 32]

The next key is there from when a renewal is asked for until it was used.
"""

import struct

from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire.shop_channel import ID_BYTES, KEY_BYTES

_VERSION = 1
_KEY_AT = 1 + ID_BYTES + 4
_NEXT_AT = _KEY_AT + KEY_BYTES
_LONGEST_URL = 128


class Client:
    """`client_id`, `number`, `key`; `next_key`: a bytearray, or b"". wipe() zeroes the keys."""

    def __init__(self, client_id, number, key, next_key=b""):
        self.client_id = bytes(client_id)
        self.number = number
        self.key = bytearray(key)
        self.next_key = bytearray(next_key)

    def wipe(self):
        wipe(self.key)
        wipe(self.next_key)


class Kept:
    """records: of the service "shop" (settop.keystore.keystore.Records). Raises as those do, and RemoteError for a
    record that is damaged."""

    def __init__(self, records):
        self._records = records

    def server(self):
        """The shop's URL. LocalError: nobody has said it."""
        data = self._records.load("server")
        if data is None:
            raise LocalError("no shop is known: say shop server URL")
        if len(data) < 2 or data[0] != _VERSION:
            raise RemoteError("the record of the shop is of an unknown version")
        return bytes(data[1:]).decode()

    def store_server(self, url):
        """Raises RemoteError for what is no URL of a server."""
        from settop.net.url import parse_url

        url = url.rstrip("/")
        if len(url) > _LONGEST_URL or parse_url(url).target != "/":
            raise RemoteError("a shop is http://NAME or https://NAME, of %d characters at most" % _LONGEST_URL)
        self._records.store("server", bytes((_VERSION,)) + url.encode())

    def client(self):
        """The Client, whose keys are the caller's to wipe; None: not registered."""
        data = self._records.load("client")
        if data is None:
            return None
        try:
            if len(data) not in (_NEXT_AT, _NEXT_AT + KEY_BYTES) or data[0] != _VERSION:
                raise RemoteError("the record of the shop's client is of an unknown version: say shop forget")
            view = memoryview(data)
            number = struct.unpack(">I", data[1 + ID_BYTES : _KEY_AT])[0]
            return Client(view[1 : 1 + ID_BYTES], number, view[_KEY_AT:_NEXT_AT], view[_NEXT_AT:])
        finally:
            wipe(data)

    def store_client(self, client):
        data = bytearray(_NEXT_AT + len(client.next_key))
        try:
            struct.pack_into(">B8sI", data, 0, _VERSION, client.client_id, client.number)
            data[_KEY_AT:_NEXT_AT] = client.key
            data[_NEXT_AT:] = client.next_key
            self._records.store("client", data)
        finally:
            wipe(data)

    def forget_client(self):
        """The next errand registers anew."""
        self._records.delete("client")
