"""The values of extended parameters (ITU-T V.250 5.4.4): set, read, tested, as `registers.PARAMETERS` lists them."""

from testbed.line.at_parser import AtError
from testbed.line.registers import PARAMETERS

# The numbers by which older makers' +MS calls its carriers
_CARRIERS = {
    "0": "V21", "1": "V22", "2": "V22B", "3": "V23C", "9": "V32", "10": "V32B", "11": "V34", "12": "V90",
    "64": "B103", "69": "B212",
}  # fmt: skip


def set_values(name: str, present: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The values after `name`=`text`; one that is left out stays as it is. AtError: too many, or one out of range."""
    fields = PARAMETERS[name][0].strip("()").split("),(")
    given = text.replace(" ", "").replace('"', "").upper().split(",")
    if len(given) > len(fields):
        raise AtError(f"{name}; expected up to {len(fields)} values")
    given += [""] * (len(fields) - len(given))
    return tuple(_value(name, *row) for row in zip(fields, present, given, strict=True))


def _value(name: str, allowed: str, present: str, given: str) -> str:
    if not given:
        return present
    words = allowed.split(",")
    if name == "+MS" and "V34" in words:
        given = _CARRIERS.get(given, given)
    if not given.isdigit() or not given.isascii():
        if given in words:
            return given
    elif len(given) <= 9:
        number = int(given)
        for word in words:
            low, _, high = word.partition("-")
            if low.isdigit() and int(low) <= number <= int(high or low):
                return str(number)
    raise AtError(f"{name}; expected {PARAMETERS[name][0]}")


def read_answer(name: str, values: tuple[str, ...]) -> str:
    """The answer to `name`?"""
    return f"{name}: {','.join(values)}"


def test_answer(name: str) -> str:
    """The answer to `name`=?"""
    return f"{name}: {PARAMETERS[name][0]}"
