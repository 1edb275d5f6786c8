"""The network's console commands: `network up`, `network dial NUMBER`, `network down`, `network forget-time`,
`fetch URL`, `fetch cancel`, `upload URL OCTETS`, `lookup NAME`, `join GROUP PORT`, `leave GROUP PORT`,
`echo IP PORT COUNT OCTETS`."""

from settop.errors import RemoteError
from settop.wire.dns import is_address

COMMANDS = ("network", "fetch", "upload", "lookup", "join", "leave", "echo")
MAX_UPLOAD_OCTETS = 65536  # they are in memory
MAX_ECHOES = 1000
MAX_ECHO_OCTETS = 1400  # what fits into a packet of every link
_HOW = (
    "network takes up, down, forget-time or dial NUMBER",
    "fetch takes a URL, or cancel",
    "upload takes a URL and a number of octets",
    "lookup takes a name",
    "join takes the address of a group and a port",
    "leave takes the address of a group and a port",
    "echo takes an address, a port, how many datagrams, and of how many octets",
)
_COUNTS = (None, 2, 3, 2, 3, 3, 5)


def obey(service, words, now_ms):
    """Do what the words say, the first of which is one of COMMANDS. Raises RemoteError for other arguments, LocalError
    for what cannot be now."""
    verb = words[0]
    at = COMMANDS.index(verb)
    if _COUNTS[at] is not None and len(words) != _COUNTS[at]:
        raise RemoteError(_HOW[at])
    if verb == "network":
        _network(service, words, now_ms)
    elif words == ["fetch", "cancel"]:
        service.cancel(now_ms)
    elif verb == "fetch":
        service.fetch(words[1], now_ms)
    elif verb == "upload":
        service.upload(words[1], number(words[2], 0, MAX_UPLOAD_OCTETS, "octets"), now_ms)
    elif verb == "lookup":
        service.look_up(words[1], now_ms)
    elif verb == "echo":
        where = (_address(words[1]), number(words[2], 1, 65535, "a port"))
        count = number(words[3], 1, MAX_ECHOES, "datagrams")
        service.echo(where, count, number(words[4], 1, MAX_ECHO_OCTETS, "octets"), now_ms)
    else:
        group = _address(words[1])
        numbers = [int(text) for text in group.split(".")]
        if not [224, 0, 1] <= numbers[:3] <= [239, 255, 255]:  # below are those of the link's own protocols (RFC 5771)
            raise RemoteError("a group has an address from 224.0.1.0 to 239.255.255.255")
        port = number(words[2], 1, 65535, "a port")
        (service.join if verb == "join" else service.leave_group)(group, port)


def _network(service, words, now_ms):
    if words[1:] == ["up"]:
        service.up(now_ms)
    elif words[1:] == ["down"]:
        service.down(now_ms)
    elif words[1:2] == ["dial"] and len(words) == 3:
        service.dial(words[2], now_ms)
    elif words[1:] == ["forget-time"]:
        service.forget_time()
    else:
        raise RemoteError(_HOW[0])


def number(text, least, most, what):
    """The number that `text` says. Raises RemoteError unless it is one from `least` to `most`."""
    value = -1
    if 0 < len(text) <= 7 and not text.strip("0123456789"):
        value = int(text)
    if not least <= value <= most:
        raise RemoteError("%s: a number from %d to %d" % (what, least, most))
    return value


def _address(text):
    if not is_address(text):
        raise RemoteError("an address is four numbers, as 192.0.2.1")
    return text
