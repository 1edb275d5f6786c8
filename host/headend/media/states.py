"""What a session may be asked for in which state (RFC 2326 A.2): rows of (state, method, what is done, next state).

A method that has no row for a state is answered with 455.
"""

INIT, READY, PLAYING = "init", "ready", "playing"

TABLE = (
    (INIT, "SETUP", "_set_up", READY),
    (READY, "SETUP", "_set_up", READY),
    (READY, "PLAY", "_play", PLAYING),
    (READY, "PAUSE", "_pause", READY),
    (READY, "TEARDOWN", "_tear_down", INIT),
    (PLAYING, "PLAY", "_play", PLAYING),
    (PLAYING, "PAUSE", "_pause", READY),
    (PLAYING, "TEARDOWN", "_tear_down", INIT),
)
