"""A name server as an object on a UDP port (RFC 1035): addresses of names, in no time."""

from collections import Counter
from collections.abc import Iterable

from settop.errors import RemoteError
from settop.wire import dns

from testbed.network.addresses import Endpoint, to_octets
from testbed.network.formats import names

PORT = dns.PORT
UNKNOWN = "(unknown)"


class NameServer:
    """`names` has each name's addresses; it may be changed at any time. LocalError: no host's name, or no address.

    silent: it takes questions and says nothing. seconds: how long an answer may be kept. `asked` counts the questions
    of each name that there is, and of all others as UNKNOWN; `refused` what was no question, by reason.
    """

    def __init__(self, seconds: int = 60) -> None:
        self.silent = False
        self.seconds = seconds
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._names: dict[str, tuple[bytes, ...]] = {}

    def set(self, name: str, *addresses: str) -> None:
        """The addresses of a name; without any, there is no such name."""
        dns.pack_name(name)
        if addresses:
            self._names[name.lower()] = tuple(map(to_octets, addresses))
        else:
            self._names.pop(name.lower(), None)

    def find(self, name: str) -> tuple[bytes, ...]:
        """Empty if there is no such name."""
        return self._names.get(name.lower().rstrip("."), ())

    def received(self, source: Endpoint, data: bytes) -> Iterable[bytes]:
        """One question, one answer; nothing for what is no question at all."""
        try:
            answer = self._answer(data)
        except RemoteError as error:
            self.refused[str(error)] += 1
            return ()
        return () if self.silent else (answer,)

    def _answer(self, data: bytes) -> bytes:
        try:
            question = names.unpack_question(data)
        except RemoteError as error:
            answer = names.pack_refusal(data, names.FORMAT_ERROR)
            self.refused[str(error)] += 1
            return answer
        addresses = self.find(question.text)
        self.asked[question.text if addresses else UNKNOWN] += 1
        if question.operation:
            return names.pack_refusal(data, names.NOT_IMPLEMENTED)
        if question.kind_class != dns.CLASS_IN:
            return names.pack_refusal(data, names.REFUSED)
        if not addresses:
            return names.pack_answer(question, dns.NAME_ERROR)
        return names.pack_answer(question, dns.NO_ERROR, addresses if question.kind == dns.TYPE_A else (), self.seconds)
