"""Every service and every opener has the names of its face, with the same arguments: no board loads the faces."""

import sys

from kit import Skip
from settop.player.opener import Opener
from settop.services.face import Service


class Terminal:
    """As much of one as a service needs to be made."""

    class board:
        STORAGE = "keys"

    def records(self, service):
        return None


def public(kind):
    return {name: value for name, value in vars(kind).items() if name[0] != "_"}


def test_each_has_every_name_of_its_face_and_the_same_arguments():
    if sys.implementation.name == "micropython":
        raise Skip("MicroPython keeps no names of arguments")
    import inspect

    from app_rig import Board, start
    from network_rig import service_of
    from settop.services.call.opener import CallOpener
    from settop.services.call.service import CallService
    from settop.services.dock.service import DockService
    from settop.services.panel.service import PanelService
    from settop.services.player.service import PlayerService
    from settop.services.shop.service import ShopService
    from settop.services.titles.service import TitleService
    from settop.services.updates.service import UpdatesService

    service = CallService(None, CallOpener(), None, None, None, None, None)
    network = service_of()[2]
    titles = TitleService(start(Board()))
    updates = UpdatesService(Terminal())
    app = start(Board())
    dock, player = DockService(app, None), PlayerService(app, None)
    shop = ShopService(Terminal())
    panel = PanelService(app)
    for face, one in (
        (Service, service),
        (Service, network),
        (Service, titles),
        (Service, updates),
        (Service, dock),
        (Service, player),
        (Service, shop),
        (Service, panel),
        (Opener, service.opener),
    ):
        for name, value in public(face).items():
            assert hasattr(one, name), name
            if callable(value):
                theirs = list(inspect.signature(getattr(one, name)).parameters)
                assert theirs == list(inspect.signature(value).parameters)[1:], name


def test_a_face_by_itself_does_nothing_wrong():
    assert Service().step(5) is None and Service().status() == "" and not Service().busy
    opener = Opener()
    assert opener.recognise(b"\x09\x00") is None and not opener.holds_key() and opener.missing() == 0


def test_a_board_that_starts_loads_neither_face():
    from app_rig import provisioned_board, start

    kept = {name: sys.modules.pop(name) for name in ("settop.services.face", "settop.player.opener")}
    try:
        start(provisioned_board())
        assert not [name for name in kept if name in sys.modules]
    finally:
        sys.modules.update(kept)
