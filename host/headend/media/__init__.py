"""Titles that are sent as they play: RTSP for control, RTP for the data. `rtsp.RtspServer` is the core, without sockets
or clock; `serving.MediaServer` gives it both."""
