"""RTSP, RTP and SRTP as a terminal needs them: cores without IO or clock."""
