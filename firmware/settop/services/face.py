"""What the application sees of a system: one face for all services.

`settop/services/NAME/service.py` has `make(terminal)`, which gives one of these. `terminal` has what a service may use:
helper (a SecondCore for one descrambler, or None), offer() (the price on air or None), identity() (Identity or None),
records(service) (its Records in flash: settop.keystore.keystore), random(n) (n fresh bytes), report(event, text) (a
line on the console, without secrets), console (by which report does so: who wants to hear what is said puts himself
before it), codec() (the decoder chip's wires for settop.codec.vs1053, or None), wire(name, claimant) (the board's line
of that name; LocalError where it is somebody else's), board (what boards/README.md says of one) and services.get(name)
(the running service of that name, or None: "network" has the way to IP, see its service.py), services.command(words,
now_ms) (as on the console).

No board loads this module: a service has these names by itself, and a test holds every one against them
(tests/firmware/test_faces.py).
"""


class Service:
    """The face, as a service that does nothing. `opener`: what it opens broadcasts with (settop.player.opener), or
    None; the registry attaches it and brings what it tells.

    COMMANDS: console words that are its own. `busy`: why its work must not be disturbed, for the viewer to read, or "".
    `refused`: messages of its other end that were refused, since start.
    """

    COMMANDS = ()
    opener = None
    busy = ""
    refused = 0

    def step(self, now_ms):
        """Move bytes and timers on. Returns the time at which it wants to be called again at the latest, or None."""
        return None

    def command(self, words, now_ms):
        """A console line whose first word is one of COMMANDS. Raises RemoteError for arguments that are none."""

    def on_event(self, event, now_ms):
        """What its opener told, or ("seen", cause), what was made of the broadcast since the last look: a cause of
        settop.wire.dark, None for not certain. Names that are not known are passed over."""

    def status(self):
        """Its words in the status line, as KEY=VALUE."""
        return ""

    def stop(self):
        """It has failed and will not be called again: wipe what is secret."""
