"""The viewer's side of one presentation as data: every transition that exists, and no other.

States
    idle        nothing is known of it
    describing  its description is asked for
    described   its media are known
    setting_up  a way for one of them is asked for
    ready       it may play
    adding      a way for one more of them is asked for
    starting    PLAY is on its way
    playing     it plays
    seeking     PLAY from elsewhere is on its way
    pausing     PAUSE is on its way
    ending      TEARDOWN is on its way
    closed      nothing more can be asked here

`docs/protocols/rtsp.md` is checked against this table by a test.
"""

IDLE = "idle"
DESCRIBED = "described"
READY = "ready"
PLAYING = "playing"
ENDING = "ending"
CLOSED = "closed"

# (state, event, next state): an event is what is asked for, or how that was answered
TABLE = (
    ("idle", "DESCRIBE", "describing"),
    ("idle", "failed", "closed"),
    ("describing", "done", "described"),
    ("describing", "refused", "idle"),
    ("describing", "failed", "closed"),
    ("described", "SETUP", "setting_up"),
    ("described", "failed", "closed"),
    ("setting_up", "done", "ready"),
    ("setting_up", "refused", "described"),
    ("setting_up", "failed", "closed"),
    ("ready", "PLAY", "starting"),
    ("ready", "SETUP", "adding"),
    ("ready", "TEARDOWN", "ending"),
    ("ready", "failed", "closed"),
    ("adding", "done", "ready"),
    ("adding", "refused", "ready"),
    ("adding", "failed", "closed"),
    ("starting", "done", "playing"),
    ("starting", "refused", "ready"),
    ("starting", "failed", "closed"),
    ("playing", "PLAY", "seeking"),
    ("playing", "PAUSE", "pausing"),
    ("playing", "TEARDOWN", "ending"),
    ("playing", "failed", "closed"),
    ("seeking", "done", "playing"),
    ("seeking", "refused", "playing"),
    ("seeking", "failed", "closed"),
    ("pausing", "done", "ready"),
    ("pausing", "refused", "playing"),
    ("pausing", "failed", "closed"),
    ("ending", "done", "closed"),
    ("ending", "refused", "closed"),
    ("ending", "failed", "closed"),
)
