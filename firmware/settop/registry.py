"""The services of a terminal: loaded by name, stepped in turn, and none of them able to stop the others.

Which ones a board starts is its SERVICES; one that is not named is not imported and costs nothing. Its WIRES say what
each UART leads to; a wire has one owner.
"""

import gc
import sys

from settop.errors import LocalError, RingcastError


def preload(names):
    """Import what these services are made of, while memory is collected early (main.py). What fails, start() tells."""
    for name in names:
        try:
            _load(name)
        except Exception:
            pass


def _load(name):
    path = "settop.services.%s.service" % name
    try:
        __import__(path)
    except ImportError:
        from settop.beside import look_in_files

        if not look_in_files():
            raise
        __import__(path)
    return sys.modules[path]


class Registry:
    """`terminal`: what services get (settop.services.face). `wires`: names of what the board's UARTs lead to."""

    def __init__(self, terminal, wires):
        self._terminal = terminal
        self._wires = wires
        self._claims = {}
        self._running = []  # (name, service)
        self.modules = {}  # what came as an update, by name: it takes the place of the firmware's own

    def claim(self, wire, claimant):
        """`claimant` takes this wire. Raises LocalError where the board has none, or another one has it."""
        if wire not in self._wires:
            raise LocalError(
                "%s needs a UART that leads to a %s; by WIRES this board's lead to: %s"
                % (claimant, wire, ", ".join(self._wires) or "nothing")
            )
        owner = self._claims.setdefault(wire, claimant)
        if owner != claimant:
            raise LocalError("%s cannot have the %s: %s has it" % (claimant, wire, owner))

    def start(self, name):
        """Load a service and set it going; what hinders it is reported. Returns it, or None."""
        try:
            service = (self.modules.get(name) or _load(name)).make(self._terminal)
            if service.opener is not None:
                self._terminal.player.add_opener(service.opener)
        except Exception as error:
            for wire in list(self._claims):
                if self._claims[wire] == name:
                    del self._claims[wire]
            self._terminal.report("error", "service %s does not start: %s" % (name, _what(error)))
            return None
        self._running.append((name, service))
        return service

    def get(self, name):
        """The running service of that name, or None."""
        for running, service in self._running:
            if running == name:
                return service
        return None

    def commands(self):
        """Console words of the running services."""
        return [word for _, service in self._running for word in service.COMMANDS]

    def command(self, words, now_ms):
        """Give a console line to the service whose it is; False where it is nobody's. RingcastError and OSError are the
        viewer's to read."""
        for name, service in self._running:
            if words[0] in service.COMMANDS:
                try:
                    service.command(words, now_ms)
                except (RingcastError, OSError):
                    raise
                except Exception as error:
                    self._fail(name, service, error)
                return True
        return False

    def step(self, now_ms):
        """A turn for each. Returns the time of the soonest that wants to be called again, or None."""
        soonest = None
        for name, service in self._running:
            try:
                timer_ms = service.step(now_ms)
                if timer_ms is not None and (soonest is None or timer_ms - soonest < 0):
                    soonest = timer_ms + 0  # a number, or this one has failed
            except Exception as error:
                self._fail(name, service, error)
        return soonest

    def on_event(self, event, now_ms, opener=None):
        """Tell the service that brought the opener which told it; where there is none, all of them."""
        for name, service in self._running:
            try:
                if opener is None or service.opener is opener:
                    service.on_event(event, now_ms)
            except Exception as error:
                self._fail(name, service, error)

    def busy(self):
        """Why nothing must be disturbed now, or ""."""
        for name, service in self._running:
            try:
                if service.busy:
                    return str(service.busy)
            except Exception as error:
                self._fail(name, service, error)
        return ""

    def status(self):
        """Their words in the status line."""
        words = []
        for name, service in self._running:
            try:
                words.append(str(service.status()))
            except Exception as error:
                self._fail(name, service, error)
        return " ".join([word for word in words if word])

    def refused(self):
        """Messages that they refused, since start."""
        return sum([service.refused for _, service in self._running])

    def _fail(self, name, service, error):
        """Go on without this one. Its wires stay its own: nobody knows what their other ends do. Its opener stays with
        the player, without a key."""
        failed = None
        try:
            service.stop()
        except Exception as second:
            failed = second
        gc.collect()  # there may be no memory left
        self._running = [one for one in self._running if one[1] is not service]
        try:
            if failed is not None:
                self._terminal.report("error", "service %s did not clear up: %s" % (name, _what(failed)))
            self._terminal.report("error", "service %s has stopped: %s" % (name, _what(error)))
        except MemoryError:
            pass


def _what(error):
    """An error in words: its text where that is written for people, else its kind and where it arose. Others' texts
    might hold what is secret."""
    if isinstance(error, (RingcastError, OSError, ImportError)):
        return str(error)
    return "%s in %s" % (type(error).__name__, _place(error))


def _place(error):
    """FILE:LINE of the innermost frame."""
    if not hasattr(sys, "print_exception"):  # CPython
        frame = error.__traceback__
        while frame.tb_next is not None:
            frame = frame.tb_next
        return "%s:%d" % (frame.tb_frame.f_code.co_filename.split("/")[-1], frame.tb_lineno)
    import io

    text = io.StringIO()
    sys.print_exception(error, text)
    place = "an unknown place"
    # Behind the frames comes the error's own text, which may look like one.
    for line in text.getvalue().split("\n")[1:]:
        if not line.startswith("  File "):
            break
        words = line.split('"')
        if len(words) == 3:
            place = words[1] + ":" + words[2].split(",")[1].strip()[5:]
    return place
