"""Commands that only read or change settings: everything but dialling, answering, hanging up and reset."""

from collections.abc import Callable

from testbed.line.at_parser import AtError, Command
from testbed.line.memory import Memory
from testbed.line.parameters import read_answer, set_values, test_answer
from testbed.line.registers import IPR_RATES, K_FLOWS, PARAMETERS, Q_FLOWS, S_PARAMETERS, SETTINGS, Profile

MAKER = "ringcast"
MODEL = "ringcast emulated modem"
REVISION = "1.0"
SERIAL_NUMBER = "1"

_INFORMATION = {
    0: "2400",
    1: "000",
    2: "OK",
    3: f"{MODEL} {REVISION}",
    4: "V.250 DCE; V.22bis as far as bit rate goes",
}

_TESTS = (0, 4, 5)  # end a test; grant and deny the other end one


def run_setting(profile: Profile, memory: Memory, command: Command) -> list[str]:
    """Does one command on `profile` or `memory`, returns its information text. AtError: unknown or out of range."""
    name = command.name
    if name == "&Z":
        return memory.number_command(command)
    if name == "&V":
        return profile.show() + memory.show()
    if name in SETTINGS:
        profile.settings[name] = _within(command.number, 0, SETTINGS[name][0])
        if name in ("&K", "\\Q"):
            profile.flow = (K_FLOWS if name == "&K" else Q_FLOWS)[command.number]
        return []
    if name in ("T", "P"):
        profile.tone = name == "T"
        return []
    if name == "S":
        return _s_parameter(profile, command)
    if name == "I":
        if command.number not in _INFORMATION:
            raise AtError("I0 to I4 are known")
        return [_INFORMATION[command.number]]
    if name == "&T":
        if command.number not in _TESTS:
            raise AtError("&T; there is no test to begin")
        return []
    if name in PARAMETERS:
        return _parameter(profile, command)
    if name in _EXTENDED:
        return _EXTENDED[name](profile, command)
    raise AtError("unknown command")


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise AtError(f"value {value}; expected {low} to {high}")
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise AtError("value; expected a decimal number")
    return int(text)


def _s_parameter(profile: Profile, command: Command) -> list[str]:
    if command.number not in S_PARAMETERS:
        raise AtError(f"S{command.number} does not exist")
    if command.op == "?":
        return [f"{profile.s[command.number]:03}"]
    low, high, _, _ = S_PARAMETERS[command.number]
    profile.s[command.number] = _within(_number(command.text or "0"), low, high)  # 5.3.2: no value may stand for 0
    return []


def _parameter(profile: Profile, command: Command) -> list[str]:
    name = command.name
    if command.op == "?":
        return [read_answer(name, profile.parameters[name])]
    if command.op == "=?":
        return [test_answer(name)]
    if command.op != "=":
        raise AtError("a parameter can be set, read or tested")
    profile.parameters[name] = set_values(name, profile.parameters[name], command.text)
    if name == "+IFC":
        profile.flow = profile.flow
    return []


def _identity(text: str) -> Callable[[Profile, Command], list[str]]:
    def answer(profile: Profile, command: Command) -> list[str]:
        if command.op == "":
            return [text]
        if command.op == "=?":
            return []
        raise AtError("an identification command can be given or tested, not read or set")

    return answer


def _fclass(profile: Profile, command: Command) -> list[str]:
    """Data only (class 0)."""
    if command.op in ("?", "=?"):
        return ["0"]
    if command.op == "=" and _number(command.text) == 0:
        return []
    raise AtError("+FCLASS; only class 0, data, exists")


def _ipr(profile: Profile, command: Command) -> list[str]:
    """The DTE rate: remembered and shown; the emulated wire sets none."""
    if command.op == "?":
        return [f"+IPR: {profile.ipr_baud}"]
    if command.op == "=?":
        return [f"+IPR: ({','.join(str(rate) for rate in IPR_RATES)}),()"]
    if command.op == "=" and (baud := _number(command.text)) in IPR_RATES:
        profile.ipr_baud = baud
        return []
    raise AtError("+IPR; expected one of the rates of +IPR=?")


_EXTENDED: dict[str, Callable[[Profile, Command], list[str]]] = {
    "+GMI": _identity(MAKER),
    "+GMM": _identity(MODEL),
    "+GMR": _identity(REVISION),
    "+GSN": _identity(SERIAL_NUMBER),
    "+GCAP": _identity("+GCAP: +FCLASS"),
    "+FCLASS": _fclass,
    "+IPR": _ipr,
}
