"""Puts together what talks to portals' own Open311 interfaces: a client and a turn for each portal that has one in the pack."""

from collections.abc import Awaitable, Callable

from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from pakn.settings import IntakeSettings, portal_keys
from services.intake.remotes.client import RemoteClient
from services.intake.remotes.polling import Poller, Publish
from services.intake.remotes.store import RemoteStore
from services.intake.remotes.telling import Teller, Updates


class Remotes:
    """`turns` are to be run again and again, each by itself."""

    def __init__(
        self, pack: Pack, settings: IntakeSettings, store: RemoteStore, updates: Updates, publish: Publish, time: LegalTime
    ) -> None:
        """Raises ValueError on a key for a portal that has no Open311 interface in the pack."""
        keys = portal_keys(settings.open311_keys.get_secret_value())
        portals = [portal for portal in pack.header.portals if portal.open311]
        if unknown := sorted(keys.keys() - {portal.id for portal in portals}):
            raise ValueError(f"PAKN_INTAKE__OPEN311_KEYS: the pack has no portal with open311 called {', '.join(unknown)}")
        seconds = settings.open311_seconds
        self.turns: list[Callable[[], Awaitable[None]]] = []
        for portal in portals:
            assert portal.open311 is not None
            client = RemoteClient(portal.open311, keys.get(portal.id))
            if portal.open311.poll:
                self.turns.append(Poller(pack, portal, client, store, publish, time, seconds).tick)
            if portal.open311.tell:
                self.turns.append(Teller(portal, client, updates, store, time, seconds).tick)
