"""A V.250 modem (DCE) between a DTE and a telephone line, as a core without IO or clock.

Bytes from the DTE go into `receive`, bytes for it come out of `take`; `poll` runs what the line says and what is due.
Times are ms that never go back; all bytes of one `receive` count as having come at its `now_ms`. Clause numbers are
ITU-T V.250's. docs/protocols/modem.md has the commands and the state table.
"""

from collections.abc import Iterator
from enum import Enum

from testbed.line.at_parser import AtError, Command, LineEditor, parse_line
from testbed.line.commands import run_setting
from testbed.line.dialling import Step, plan_dialling
from testbed.line.escape import EscapeWatch
from testbed.line.flow import Flow
from testbed.line.memory import COMMANDS, Memory
from testbed.line.port import LinePort, Signal
from testbed.line.registers import Profile
from testbed.line.result_codes import Result, failed_call, frame_information, frame_reports, frame_result

BUFFER_BYTES = 4096  # each way: towards the line, and kept for the DTE in online command state
ABORT_IGNORED_MS = 125  # 5.6.1: characters this soon after the command line do not abort a call
DIAL_TONE_WAIT_MS = 5000
RINGS_FORGOTTEN_MS = 8000  # S1 returns to 0 this long after the last ring


class State(Enum):
    """Command, online data and online command state as V.250 names them; CALLING lies between."""

    COMMAND = "command"
    CALLING = "calling"
    ONLINE = "online"
    ONLINE_COMMAND = "online command"


class Modem:
    """One modem on `port`.

    Flow control: `room(now_ms)` is how many bytes it can take now; the excess is lost, and counted in `lost_bytes`.
    Bytes still buffered when the call is given up are discarded.
    """

    def __init__(self, port: LinePort) -> None:
        self.state = State.COMMAND
        self.profile = Profile()
        self.lost_bytes = 0
        self._port = port
        self._out = bytearray()
        self._held = bytearray()  # from the line, while in online command state or stopped
        self._editor = LineEditor()
        self._pending: Iterator[Command] = iter(())
        self._memory = Memory()
        # A call being set up
        self._steps: list[Step] = []
        self._step_due_ms: int | None = None
        self._call_due_ms: int | None = None
        self._line_ended_ms = 0
        self._stay = False  # the dial string ended in ;
        self._quiet = False  # the dial string has @
        self._heard: set[Signal] = set()
        # A call that is up
        self._carrier_due_ms: int | None = None  # end of S10 after the carrier was lost
        self._escape_watch = EscapeWatch()
        self._flow = Flow(BUFFER_BYTES)
        self._active_ms = 0  # last byte in either direction
        # A call coming in
        self._rings_due_ms: int | None = None

    # -- the DTE side

    @property
    def carrier(self) -> bool:
        """Circuit 109 (DCD), as &C has it."""
        return self.profile.settings["&C"] == 0 or self.state in (State.ONLINE, State.ONLINE_COMMAND)

    def room(self, now_ms: int) -> int:
        """How many bytes `receive` can take now without loss."""
        return max(0, BUFFER_BYTES - self._port.backlog(now_ms))

    def clear_to_send(self, now_ms: int) -> int:
        """How many bytes the DTE may send now by circuit 106: `room` if +IFC has it so, else any, which may be lost."""
        return self.room(now_ms) if self.profile.flow[1] == 2 else BUFFER_BYTES

    def receive(self, data: bytes, now_ms: int) -> None:
        """Takes bytes from the DTE."""
        self.poll(now_ms)
        at = 0
        while at < len(data):
            if self.state is State.ONLINE:
                self._to_line(data[at:], now_ms)
                break
            byte = data[at]
            at += 1
            if self.state is State.CALLING:
                if now_ms - self._line_ended_ms >= ABORT_IGNORED_MS:
                    self._fail(Result.NO_CARRIER, now_ms)
                continue
            echo, line = self._editor.feed(byte, self.profile)
            self._out += echo
            if line is not None:
                self._line_ended_ms = now_ms
                self._pending = parse_line(line)
                self._run(now_ms)
        self.poll(now_ms)

    def take(self) -> bytes:
        """Bytes for the DTE since the last call."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def dtr_drop(self, now_ms: int) -> None:
        """Circuit 108/2 goes OFF (or the port is closed): &D0 nothing, &D1 escape, &D2 hang up, &D3 reset."""
        action = self.profile.settings["&D"]
        if action == 0:
            return
        self._editor.reset()
        if action == 1:
            if self.state is State.ONLINE:
                self._escape()
        elif self.state is not State.COMMAND:
            self._fail(Result.NO_CARRIER, now_ms)
        else:
            self._hang_up(now_ms)
        if action == 3:
            self.profile = self._memory.profiles[self._memory.chosen].copy()

    @property
    def waiting(self) -> bool:
        """Whether the line has brought something that `poll` has not seen, or there are bytes for the DTE."""
        return bool(self._out) or self._port.waiting

    def next_timer(self) -> int | None:
        """When `poll` must come next for this modem's own timers; the line has timers of its own."""
        calls = (self._step_due_ms, self._call_due_ms, self._carrier_due_ms, self._rings_due_ms)
        timers = (*calls, self._escape_watch.due_ms(self.profile), self._idle_due(), self._flow.due_ms)
        return min((at_ms for at_ms in timers if at_ms is not None), default=None)

    def poll(self, now_ms: int) -> None:
        """Collects what the line has brought and runs what is due."""
        signals = self._port.take_signals()
        while signals and signals[0] is not Signal.CARRIER_LOST:
            self._on_signal(signals.pop(0), now_ms)
        self._from_line(self._port.take_data(), now_ms)  # what came before the carrier was lost
        for signal in signals:
            self._on_signal(signal, now_ms)
        self._run_timers(now_ms)

    def _run_timers(self, now_ms: int) -> None:
        if _due(self._rings_due_ms, now_ms):
            self._rings_due_ms = None
            self.profile.s[1] = 0
        while _due(self._step_due_ms, now_ms):
            self._end_step(now_ms)
        if _due(self._call_due_ms, now_ms):
            rang = Signal.RINGBACK in self._heard and self.profile.hears_busy
            self._fail(Result.NO_ANSWER if rang or self._quiet else Result.NO_CARRIER, now_ms)
        if _due(self._carrier_due_ms, now_ms) or _due(self._idle_due(), now_ms):
            self._fail(Result.NO_CARRIER, now_ms)
        if _due(self._flow.due_ms, now_ms):
            self._tell_flow(now_ms)
        if _due(self._escape_watch.due_ms(self.profile), now_ms):
            self._escape()

    # -- the line side

    def _on_signal(self, signal: Signal, now_ms: int) -> None:
        self._heard.add(signal)
        if signal is Signal.RING:
            self._ring(now_ms)
        elif signal is Signal.CARRIER_LOST:
            self._heard.discard(Signal.CARRIER)
            if self.state in (State.ONLINE, State.ONLINE_COMMAND):
                if self.profile.s[10] < 255:
                    self._carrier_due_ms = now_ms + self.profile.s[10] * 100
            elif self.state is State.CALLING:
                self._fail(Result.NO_CARRIER, now_ms)
        elif self.state is State.CALLING:
            self._on_progress(signal, now_ms)

    def _on_progress(self, signal: Signal, now_ms: int) -> None:
        """A tone or the carrier while a call is being set up."""
        step = self._steps[0].kind if self._steps else ""
        if signal is Signal.CARRIER:
            if step == "quiet":
                self._end_step(now_ms)
            elif not self._steps:
                self._go_online(now_ms)
        elif signal is Signal.DIAL_TONE and step == "tone":
            self._end_step(now_ms)
        elif result := failed_call(self.profile, signal):
            self._fail(result, now_ms)

    def _ring(self, now_ms: int) -> None:
        if self.state is not State.COMMAND or self._port.off_hook:
            return
        self._rings_due_ms = now_ms + RINGS_FORGOTTEN_MS
        self.profile.s[1] = min(self.profile.s[1] + 1, 255)
        self._result(Result.RING)
        if self.profile.s[0] and self.profile.s[1] >= self.profile.s[0]:
            self._begin_answer(now_ms)

    def _from_line(self, data: bytes, now_ms: int) -> None:
        if data:
            self._active_ms = now_ms
        if self.state is State.ONLINE and not self._flow.stopped:
            self._out += data
        elif self.state in (State.ONLINE, State.ONLINE_COMMAND):
            kept = data[: BUFFER_BYTES - len(self._held)]
            self._held += kept
            self.lost_bytes += len(data) - len(kept)

    def _to_line(self, data: bytes, now_ms: int) -> None:
        self._active_ms = now_ms
        for byte in data:
            self._escape_watch.see(byte, self.profile, now_ms)
        data = self._flow.from_dte(data, self.profile.flow[0])
        if not self._flow.stopped:
            self._release_held()
        kept = data[: self.room(now_ms)]
        self.lost_bytes += len(data) - len(kept)
        self._port.send(kept, now_ms)
        self._tell_flow(now_ms)

    def _release_held(self) -> None:
        self._out += self._held
        self._held.clear()

    def _tell_flow(self, now_ms: int) -> None:
        backlog = self._port.backlog(now_ms)
        self._out += self._flow.to_dte(backlog, self._port.bits_per_s, now_ms, self.profile.flow[1])

    def _idle_due(self) -> int | None:
        """End of S30."""
        counts = self.profile.s[30] and self.state in (State.ONLINE, State.ONLINE_COMMAND)
        return self._active_ms + self.profile.s[30] * 10_000 if counts else None

    def _escape(self) -> None:
        self.state = State.ONLINE_COMMAND
        self._escape_watch.reset()
        self._out += self._flow.end()
        self._result(Result.OK)

    # -- commands

    def _run(self, now_ms: int) -> None:
        """Runs the rest of the command line, up to a call or to its result code."""
        try:
            for command in self._pending:
                if not self._act(command, now_ms):
                    return
                if command.name == "Z":  # 6.1.1: the rest of the line is ignored
                    break
        except AtError:
            self._pending = iter(())
            self._result(Result.ERROR)
        else:
            self._result(Result.OK)

    def _act(self, command: Command, now_ms: int) -> bool:
        """Does one command. False: no OK now, a result code of its own was given or will follow."""
        name = command.name
        if name in ("D", "A", "O"):
            self._call_command(command, now_ms)
            return False
        if name == "H":
            if command.number > 1:
                raise AtError("H takes 0 or 1")
            self._hang_up(now_ms)
            if command.number:
                self._port.lift(now_ms)
        elif name in COMMANDS:
            profile = self._memory.profile_command(command, self.profile)
            if name == "Z":
                self._hang_up(now_ms)
            self.profile = profile
        elif information := run_setting(self.profile, self._memory, command):
            self._out += frame_information(self.profile, information)
        return True

    def _call_command(self, command: Command, now_ms: int) -> None:
        if command.name == "O":
            if self.state is not State.ONLINE_COMMAND or command.number > 1:
                raise AtError("O without a call")
            self._go_online(now_ms)
            return
        if self.state is State.ONLINE_COMMAND:
            raise AtError("a call is up")
        if command.name == "A":
            self._begin_answer(now_ms)
        elif command.text == "L?":
            self._out += frame_information(self.profile, [self._memory.last_number])
            self._run(now_ms)
        else:
            self._begin_dial(command, now_ms)

    # -- calls

    def _begin_dial(self, command: Command, now_ms: int) -> None:
        text = self._memory.dial_string(command.text)
        if text is None:
            self._fail(Result.NO_CARRIER, now_ms)
            return
        steps = plan_dialling(text, self.profile)
        self._memory.last_number = text
        self._stay = command.op == ";"
        self._quiet = any(step.kind == "quiet" for step in steps)
        if not self._port.off_hook:
            self._heard.clear()
            self._port.lift(now_ms)
            if self.profile.waits_for_dial_tone and steps and steps[0].kind != "tone":
                steps.insert(0, Step("tone"))
            elif steps:
                steps.insert(0, Step("pause", self.profile.s[6] * 1000))
        self.state = State.CALLING
        self._steps = steps
        self._begin_step(now_ms)

    def _begin_answer(self, now_ms: int) -> None:
        self._pending = iter(())
        self._stay = self._quiet = False
        if not self._port.off_hook:
            self._heard.clear()
        self._port.lift(now_ms)
        self._line_ended_ms = now_ms
        self.state = State.CALLING
        self._steps = []
        self._begin_step(now_ms)

    def _begin_step(self, now_ms: int) -> None:
        """Starts the first of the steps left; without any, waits for the carrier."""
        self._step_due_ms = None
        if self._steps:
            step = self._steps[0]
            if step.kind == "tone":
                self._step_due_ms = now_ms + DIAL_TONE_WAIT_MS
            elif step.kind == "quiet":
                self._call_due_ms = now_ms + self.profile.s[7] * 1000
            else:
                self._step_due_ms = now_ms + step.ms
        elif self._stay:
            self.state = State.COMMAND
            self._run(now_ms)
        elif Signal.CARRIER in self._heard:
            self._go_online(now_ms)
        elif self._call_due_ms is None:
            self._call_due_ms = now_ms + self.profile.s[7] * 1000

    def _end_step(self, now_ms: int) -> None:
        step = self._steps[0]
        if step.kind == "tone" and Signal.DIAL_TONE not in self._heard:
            self._fail(Result.NO_DIALTONE if self.profile.waits_for_dial_tone else Result.NO_CARRIER, now_ms)
            return
        del self._steps[0]
        if step.kind == "digits":
            self._port.dial(step.digits, now_ms)
        elif step.kind == "tone":
            self._heard.discard(Signal.DIAL_TONE)  # the next W waits for a tone of its own
        self._begin_step(now_ms)

    def _go_online(self, now_ms: int) -> None:
        if self.state is State.CALLING:
            self._out += frame_reports(self.profile, self._port.bits_per_s)
        self._clear_call()
        self.state = State.ONLINE
        self._escape_watch.begin(now_ms)
        self._active_ms = now_ms
        self._result(Result.CONNECT, self._port.bits_per_s)
        self._release_held()

    def _hang_up(self, now_ms: int) -> None:
        self._clear_call()
        self._carrier_due_ms = None
        self._held.clear()
        self._port.release(now_ms)
        self.state = State.COMMAND

    def _fail(self, result: Result, now_ms: int) -> None:
        """The call is over, not by ATH: one result code, back to command state."""
        if self.state is State.ONLINE:
            self._release_held()
        self._hang_up(now_ms)
        self._pending = iter(())
        self._result(result)

    def _clear_call(self) -> None:
        self._steps = []
        self._step_due_ms = self._call_due_ms = None
        self._escape_watch.reset()
        self._out += self._flow.end()
        self.profile.s[1] = 0
        self._rings_due_ms = None

    def _result(self, result: Result, rate_bps: int = 0) -> None:
        self._out += frame_result(self.profile, result, rate_bps)


def _due(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is not None and at_ms <= now_ms
