"""Service `updates`: signed modules, received for whoever brings them, run ahead of what the firmware brings.

It is the first of SERVICES. A codec is tried at once and loaded when a title wants it; a service is tried at the next
start. Others give it the octets of a signed module in pieces of any size:

    coming = terminal.services.get("updates").receive()  # LocalError, RemoteError: none can come now
    coming.write(octets)  # RemoteError: refused; OSError: the flash is full. What was here runs on
    coming.finish()  # the same; from then on it is stored, or runs

Console: `update` (what there is), `update begin`, `update data HEX`, `update end`, `update forget NAME`.
"""

import gc
import sys

from settop.errors import FLASH_REFUSED, LocalError, RemoteError, RingcastError
from settop.keystore.keystore import unload
from settop.updates.loading import abi
from settop.updates.modules import NO_SIGNER, Modules, what
from settop.updates.record import SERVICE
from settop.wire.update import CODEC, KINDS

TRIAL_MS = 10000  # a service that runs so long has come up
_HOW = "update takes begin, data HEX, end, forget NAME, or nothing"


def make(terminal):
    service = UpdatesService(terminal)
    service.begin()
    return service


class UpdatesService:
    """See settop.services.face."""

    COMMANDS = ("update",)
    opener = None
    refused = 0

    def __init__(self, terminal):
        self.terminal = terminal
        self.modules = Modules(terminal.board, terminal.records(SERVICE), self._told)
        self._coming = None
        self._trials = []  # names of services
        self._until_ms = None  # when they have come up

    def begin(self):
        """Put in place what is here. One that does not come up, or cannot be read, stops no other."""
        for name in self.modules.names():
            try:
                record = self.modules.record(name)
                if record.kind == CODEC:
                    self._begin_codec(name, record)
                else:
                    self._begin_service(name)
            except (RingcastError, OSError) as error:
                self._told(name, str(error) if isinstance(error, RingcastError) else FLASH_REFUSED % error)

    def receive(self):
        """What the octets of one signed module are given to; one that was under way is given up.

        LocalError: the board names no SIGNER. RemoteError: this terminal has no identity.
        """
        if self._coming is not None:
            self._coming.drop()
        if self.terminal.identity() is None:
            raise RemoteError("this terminal is not provisioned: it takes no updates before it is")
        gc.collect()
        from settop.updates.reception import Reception

        self._coming = _Coming(self, Reception(self.modules))
        return self._coming

    def wants(self, codec):
        """What to ask for where a unit for that codec is wanted: (codec, board, .mpy version, processor, bits of a
        small integer, version that it must be above). LocalError: the board takes none."""
        if not getattr(self.terminal.board, "SIGNER", ""):
            raise LocalError(NO_SIGNER)
        floor = 0
        for name in self.modules.names():
            try:
                record = self.modules.record(name)
            except RemoteError:
                continue  # damaged: what comes by its name is refused, and says so
            if record.codec == codec:
                floor = max(floor, record.floor, 0 if record.new is None else record.new.version)
        return (codec, self.terminal.board.NAME) + abi() + (floor,)

    @property
    def busy(self):
        return "" if self._coming is None else "an update is coming in: `update end` first"

    def step(self, now_ms):
        if not self._trials:
            return None
        if self._until_ms is None:
            self._until_ms = now_ms + TRIAL_MS
        for name in list(self._trials):
            if self.terminal.services.get(name) is None:
                self._trials.remove(name)
                self._give_back(name)
            elif now_ms >= self._until_ms:
                self._trials.remove(name)
                self.modules.came_up(name)
                self.terminal.report("updated", name)
        return self._until_ms if self._trials else None

    def command(self, words, now_ms):
        if words[1:] == []:
            self._list()
        elif words[1:] == ["begin"]:
            self.receive()
            self.terminal.report("update", "begun")
        elif words[1] == "data" and len(words) == 3 and self._coming is not None:
            from binascii import unhexlify

            try:
                octets = unhexlify(words[2])
            except ValueError:
                raise RemoteError("update data takes hex digits, two for each octet")
            self._coming.write(octets)
            self.terminal.report("update", "took %d" % len(octets))
        elif words[1:] == ["end"] and self._coming is not None:
            self._coming.finish()
        elif words[1] == "forget" and len(words) == 3:
            self.modules.forget(words[2])
            self.terminal.report("update", "%s is gone from the next start on" % words[2])
        elif self._coming is None and words[1] in ("data", "end"):
            raise RemoteError("no update is coming in: `update begin` first")
        else:
            raise RemoteError(_HOW)

    def on_event(self, event, now_ms):
        pass

    def status(self):
        return ""

    def stop(self):
        if self._coming is not None:
            self._coming.drop()

    # --- for _Coming --------------------------------------------------------------------------------------------------

    def over(self):
        """Nothing is coming in any more."""
        self._coming = None
        if sys.implementation.name == "micropython":
            unload(*_RARE)
        gc.collect()

    def arrived(self, name):
        """It is stored."""
        record = self.modules.record(name)
        self.terminal.report("update", "%s version %d is stored" % (name, record.new.version))
        if record.kind == CODEC:
            self._begin_codec(name, record)
        else:
            self.terminal.report("update", "%s runs from the next start on" % name)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _begin_codec(self, name, record):
        if record.new is not None:
            module, trial = self.modules.start(name)
            if trial:
                why = _faults(module)
                if why:
                    self.modules.failed(name, why)
                else:
                    self.modules.came_up(name)
                    self.terminal.report("updated", name)
        from settop.codec import units

        units.add(record.codec, lambda: self.modules.kept(name))

    def _begin_service(self, name):
        module, trial = self.modules.start(name)
        if module is None:
            return
        self.terminal.services.modules[name] = module
        if trial:
            self._trials.append(name)
        if name not in self.terminal.board.SERVICES:
            self.terminal.services.start(name)

    def _give_back(self, name):
        """A service on trial has stopped, or did not start: the one before takes its place."""
        self.modules.failed(name, "it did not run for %d s" % (TRIAL_MS // 1000))
        services = self.terminal.services
        services.modules.pop(name, None)
        module = self.modules.kept(name)
        if module is not None:
            services.modules[name] = module
        if module is not None or name in self.terminal.board.SERVICES:
            services.start(name)

    def _list(self):
        names = self.modules.names()
        for name in names:
            record = self.modules.record(name)
            entry = record.new or record.kept
            self.terminal.report(
                "update",
                "%s %s version=%d state=%s floor=%d%s"
                % (
                    name,
                    KINDS[record.kind],
                    0 if entry is None else entry.version,
                    record.state(),
                    record.floor,
                    " codec=" + record.codec if record.codec else "",
                ),
            )
        if not names:
            self.terminal.report("update", "none came")

    def _told(self, name, text):
        self.terminal.report("error", "update %s: %s; what was here runs on" % (name, text))


class _Coming:
    """A settop.updates.reception.Reception, of which the service hears the end."""

    def __init__(self, service, reception):
        self._service = service
        self._reception = reception

    def write(self, octets):
        """See Reception.write."""
        try:
            self._reception.write(octets)
        except BaseException:
            self._service.over()
            raise

    def finish(self):
        """See Reception.finish; the module's name."""
        try:
            name = self._reception.finish()
        finally:
            self._service.over()
        self._service.arrived(name)
        return name

    def drop(self):
        self._reception.drop()
        self._service.over()


_RARE = (
    "settop.updates.reception",
    "settop.updates.intake",
    "settop.crypto.ed25519",
    "settop.crypto.sha512",
    "settop.crypto.kernels",
    "settop.crypto.kernels_viper",
)


def _faults(module):
    """Why this is no codec unit, or "". One that has a `check()` looks at itself."""
    try:
        if not callable(getattr(module, "make", None)):
            return "it is no codec unit"
        check = getattr(module, "check", None)
        if check is not None and not check():
            return "it does not work here"
        return ""
    except Exception as error:
        return "its own check fails: " + what(error)
