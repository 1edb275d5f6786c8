"""What a program sees of its sockets, line by line: SOURCE runs on a board (MicroPython) and on CPython with the
bench's stand-ins, and says SAID on both: the words of an emulated Pico with lwIP.
"""

from testbed.network.host import Host
from testbed.network.links import Link
from testbed.network.network import Network

from tests.helpers.network_services import MS, SERVER, Echo, Sink

SOURCE = '''
# `socket`, `select` and `wait(ms)` are there. Ports of SERVER: 7 echoes (UDP and TCP), 13 says "bye" and closes, 19
# resets what speaks to it, 81 is nobody's.

SERVER = "203.0.113.7"


def number(call, *arguments):
    """What a call gives, or the number of its error."""
    try:
        return call(*arguments)
    except OSError as error:
        return "E%d" % error.args[0]


def fresh(kind=1):
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    return made


def flags(sock, wanted=5):
    poll = select.poll()
    poll.register(sock, wanted)
    return [ready for _, ready in poll.poll(0)]


def connected(port):
    made = fresh()
    number(made.connect, (SERVER, port))
    wait(300)
    return made


def said(sock):
    """All that comes within a while, and how it ends."""
    got = b""
    for _ in range(40):
        data = number(sock.recv, 4096)
        if isinstance(data, str):
            if data != "E11":
                return got, data
            wait(50)
        elif not data:
            return got, "end"
        else:
            got += data
    return got, "more may come"


def program():
    sock = fresh()
    print("new", flags(sock), number(sock.recv, 1), number(sock.send, b"x"))
    print("connect", number(sock.connect, (SERVER, 7)), flags(sock), number(sock.connect, (SERVER, 7)))
    print("on its way", number(sock.send, b"x"), number(sock.recv, 1), sock.read(1), sock.write(b"x"))
    wait(300)
    print("stands", flags(sock), number(sock.connect, (SERVER, 7)), number(sock.recv, 1), sock.readinto(bytearray(4)))
    print("send", number(sock.send, b"hello"))
    wait(300)
    print("echoed", flags(sock), flags(sock, 1), flags(sock, 4), number(sock.recv, 2), number(sock.recv, 100))
    print("big", number(sock.send, bytes(10000)) <= 10000)
    wait(1500)
    print("close", sock.close(), sock.close(), number(sock.recv, 1), number(sock.send, b"x"), flags(sock))

    sock = connected(13)
    print("bye", flags(sock), said(sock), flags(sock), number(sock.recv, 1), sock.read(1), number(sock.send, b"x"))
    sock.close()

    sock = connected(81)
    print("refused", flags(sock), number(sock.recv, 1), number(sock.recv, 1), number(sock.send, b"x"))
    sock.close()

    sock = connected(81)
    print("refused, as a stream", number(sock.read, 1), number(sock.write, b"x"), flags(sock))
    sock.close()

    sock = connected(19)
    number(sock.send, b"hello")
    wait(500)
    print("reset", flags(sock), number(sock.send, b"x"), number(sock.send, b"x"), number(sock.recv, 1))
    sock.close()

    sock = fresh(2)
    print("datagrams", flags(sock), number(sock.recvfrom, 10), number(sock.sendto, b"one", (SERVER, 7)))
    number(sock.sendto, b"two", (SERVER, 7))
    wait(300)
    print("one is kept", flags(sock), number(sock.recvfrom, 100), number(sock.recvfrom, 100), flags(sock))
    number(sock.sendto, b"a longer one", (SERVER, 7))
    wait(300)
    print("cut", number(sock.recv, 4), number(sock.recv, 4))
    print("connect", number(sock.connect, (SERVER, 7)), number(sock.send, b"again"))
    wait(300)
    print("again", number(sock.recv, 100), sock.read(4))
    print("close", sock.close(), number(sock.sendto, b"x", (SERVER, 7)), flags(sock))

    sock = fresh(2)
    print("no peer", number(sock.send, b"x"))
    sock.close()
    one, two = fresh(2), fresh(2)
    print("one port", number(one.bind, ("0.0.0.0", 5004)), number(two.bind, ("0.0.0.0", 5004)))
    one.close()
    two.close()
    print("kinds", number(socket.socket, 2, 9), socket.getaddrinfo(SERVER, 80)[0])
    print("names", socket.getaddrinfo("films.example", 80)[0][-1], number(socket.getaddrinfo, "none.example", 80))
'''

SAID = """
new [20] E11 E107
connect E115 [] E114
on its way E11 E11 None None
stands [4] E106 E11 None
send 5
echoed [5] [1] [4] b'he' b'llo'
big True
close None None E9 E9 [32]
bye [5] (b'bye', 'end') [5] b'' b'' 1
refused [20] E104 E9 E9
refused, as a stream E104 E104 [20]
reset [20] E104 E9 E9
datagrams [4] E11 3
one is kept [5] (b'one', ('203.0.113.7', 7)) E11 [4]
cut b'a lo' E11
connect None 5
again b'again' None
close None E9 [32]
no peer 1
one port None E98
kinds E22 (2, 1, 0, '', ('203.0.113.7', 80))
names ('203.0.113.7', 80) E-2
"""


class Bye(Sink):
    def opened(self, conn):
        conn.send(b"bye")
        conn.close()


class Rude(Sink):
    def received(self, conn, data):
        conn.abort()


def serve(network: Network) -> Host:
    """What the program calls."""
    server = network.host(SERVER, Link(delay_ns=5 * MS))
    server.serve_udp(7, Echo())
    for port, service in ((7, Echo), (13, Bye), (19, Rude)):
        server.serve_tcp(port, service)
    network.names.set("films.example", SERVER)
    return server
