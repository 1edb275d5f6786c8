"""Commands of `ringcast`, called in this process."""

from dataclasses import dataclass
from pathlib import Path

from testbed.cli import app
from typer.testing import CliRunner


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line on standard error."""
        return self.err.rstrip("\n").rpartition("\n")[2]


def ringcast(*arguments: object) -> Ended:
    """Run a command. An exception that no user should see goes through to the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def demo(out: Path, *arguments: object) -> Ended:
    """`ringcast demo` on CPython into `out`, its JSON in out/seen.json."""
    return ringcast("demo", "--runtime", "cpython", "--out", out, "--json", out / "seen.json", *arguments)
