"""The `ringcast` command line: one Typer application, one file per command in `testbed.commands`."""

import typer

from testbed.commands.bench import bench
from testbed.commands.descramble import descramble
from testbed.commands.doctor import doctor
from testbed.commands.modem import modem
from testbed.commands.play import demo, run
from testbed.commands.provision import provision
from testbed.commands.ring import ring
from testbed.commands.scramble import scramble
from testbed.commands.testing import test

app = typer.Typer(
    name="ringcast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a local may be a key
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (demo, run, scramble, descramble, modem, ring, provision, bench, doctor, test):
    app.command()(command)


@app.callback()
def root() -> None:
    """A programme by broadcast, its keys by telephone: head-end, MicroPython terminal and the bench between them."""


def main() -> None:
    app(prog_name="ringcast")


if __name__ == "__main__":
    main()
