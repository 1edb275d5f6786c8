"""A serial port made reachable over TCP, on loopback: by RFC 2217 (pyserial's own server side), or octet by octet."""

import contextlib
import os
import select
import socket
import threading
import tty
from types import SimpleNamespace

from serial import rfc2217


class PortServer:
    """A context manager in front of `device`, for one client at a time, which opens the device for as long as it stays.

    telnet: RFC 2217, otherwise octets as they are. `url` is what a client opens, `settings` what it has set. deaf_to:
    requests (pyserial's constants, such as SET_CONTROL) that are swallowed; refuses: attributes that keep their value.
    """

    def __init__(self, device, telnet=True, deaf_to=(), refuses=()) -> None:
        self._device = str(device)
        self._telnet = telnet
        self._deaf_to = deaf_to
        self.settings = _Settings(refuses)
        self.clients = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'rfc2217' if telnet else 'socket'}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "PortServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Gone at once, whoever is connected; may be called twice."""
        self._waker.close()
        self._thread.join(5)

    def _run(self) -> None:
        with self._listening, self._wake:
            while self._wake not in select.select([self._listening, self._wake], [], [])[0]:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.clients += 1
                with client, contextlib.suppress(OSError):
                    self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        device = os.open(self._device, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(device)
            manager = self._manager(client) if self._telnet else None
            while True:
                ready, _, _ = select.select([client, device, self._wake], [], [])
                if self._wake in ready:
                    return
                if client in ready:
                    data = client.recv(1024)
                    if not data:
                        return
                    data = b"".join(manager.filter(data)) if manager else data
                    while data:
                        data = data[os.write(device, data) :]
                if device in ready:
                    data = os.read(device, 1024)
                    client.sendall(b"".join(manager.escape(data)) if manager else data)
        finally:
            os.close(device)

    def _manager(self, client: socket.socket) -> rfc2217.PortManager:
        manager = rfc2217.PortManager(self.settings, SimpleNamespace(write=client.sendall))
        obey = manager._telnet_process_subnegotiation
        manager._telnet_process_subnegotiation = lambda said: None if said[1:2] in self._deaf_to else obey(said)
        return manager


class _Settings(SimpleNamespace):
    """What a PortManager sets of a serial port. Behind it is a pseudo-terminal, which has no rate and no lines."""

    def __init__(self, refuses) -> None:
        super().__init__(
            baudrate=9600, bytesize=8, parity="N", stopbits=1, xonxoff=False, rtscts=False, dtr=None, rts=None
        )
        self.cts = self.dsr = self.ri = self.cd = True
        self.break_condition = False
        self._refuses = refuses

    def __setattr__(self, name, value) -> None:
        if name not in getattr(self, "_refuses", ()):
            super().__setattr__(name, value)

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass
