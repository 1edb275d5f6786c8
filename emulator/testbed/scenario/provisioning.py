"""Terminals of a scenario get their identities: the dialogue of docs/protocols/provision.md over their consoles."""

from collections.abc import Callable, Mapping

from headend.provisioning import Exchange, HeadendKey, NewTerminal, read_board_key
from settop.errors import RemoteError

from testbed.scenario.system import Wait
from testbed.station import Station
from testbed.world import World

CONSENT_LIMIT_MS = 20_000


def bring(exchange: Exchange, terminal: NewTerminal) -> str:
    """The line that brings a terminal its identity."""
    return exchange.bring(terminal)


def provision(
    stations: Mapping[str, Station],
    headend: HeadendKey,
    random: Callable[[int], bytes],
    issue: Callable[[], NewTerminal],
    wait: Wait,
    replacing: World | None = None,
) -> dict[str, NewTerminal]:
    """The identities that `issue` made, by terminal; each is asked for when that terminal's code was compared.

    replacing: the stations' world, where a terminal that has an identity is to give it up. Raises RemoteError for a
    code that differs, LocalError for a terminal that has one and is not to, and what `wait` does.
    """
    exchanges = {name: Exchange(headend, random) for name in stations}
    for name, station in stations.items():
        station.say(exchanges[name].ask())
    wait("provision-key", "did not answer to `provision`")
    for name, station in stations.items():
        board = read_board_key(station.events("provision-key")[-1].text)
        station.say(exchanges[name].answer(board, lambda terminal_id: None, replace=replacing is not None))
    if replacing is not None:
        _consent(stations, replacing)
    wait("provision-code", "did not take the head-end's key")
    identities = {}
    for name, station in stations.items():
        if not exchanges[name].is_code(station.events("provision-code")[-1].text):
            raise RemoteError(f"terminal {name} has another code than the head-end")
        identities[name] = issue()
        station.say(bring(exchanges[name], identities[name]))
    wait("provisioned", "did not accept its identity")
    return identities


def _consent(stations: Mapping[str, Station], world: World) -> None:
    """A real board may have an identity; whoever plays a scenario with it has agreed to another."""
    asked = "provision-consent"
    world.run_until(
        world.now_ms + CONSENT_LIMIT_MS,
        lambda: all(s.events(asked) or s.events("provision-code") for s in stations.values()),
    )
    for station in stations.values():
        for event in station.events(asked)[-1:]:
            station.say(" ".join(event.text.split()[:2]))
