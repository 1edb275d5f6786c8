"""Run by the system's own Python, which has GStreamer's parts: serves one transport stream by gst-rtsp-server.

gst_server.py FILE      says the port on its first line, and serves until it is ended
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
caps = "video/mpegts,systemstream=true,packetsize=188"
factory.set_launch(f'( filesrc location="{sys.argv[1]}" blocksize=1316 ! {caps} ! rtpmp2tpay name=pay0 pt=33 )')
server.get_mount_points().add_factory("/film", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
