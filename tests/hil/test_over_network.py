"""The whole call with every line of the board over RFC 2217: an emulated Pico that the bench waits for, so that it does
not matter how fast this host is."""

import pytest
from testbed.hil.adapter import EmulatedBoard

from tests.helpers.commands import ringcast
from tests.helpers.port_server import PortServer

pytestmark = [pytest.mark.pico, pytest.mark.long]


def test_demo_is_as_over_devices(image, monkeypatch, tmp_path):
    servers = []
    launch = EmulatedBoard.launch

    def launch_behind_servers(self):
        launch(self)
        servers.extend(PortServer(device).__enter__() for device in self.urls.values())
        self.urls = dict(zip(self.urls, (server.url for server in servers), strict=True))

    monkeypatch.setattr(EmulatedBoard, "launch", launch_behind_servers)
    try:
        ended = ringcast("demo", "--runtime", "serial", "--out", tmp_path)
    finally:
        for server in servers:
            server.end()
    assert ended.status == 0, ended.out + ended.err
    assert [server.settings.baudrate for server in servers] == [115_200, 115_200, 921_600]
    log = next(tmp_path.glob("lines/**/tuner.log")).read_text()
    assert "opened rfc2217://127.0.0.1" in log
