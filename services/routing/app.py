"""Puts routing together: the only file of this service that picks concrete classes."""

from functools import partial
from typing import Final, get_args

from pakn import metrics
from pakn.engine.case_handler import CaseHandler
from pakn.engine.process import Role, Service
from pakn.engine.turn import Turn
from pakn.legal_time import LegalTime, make_legal_time
from pakn.logs import logger
from pakn.packs.load import Pack, load_pack
from pakn.settings import Settings
from schemas import topics
from schemas.states import CLOSED_STATES, CaseState
from services.routing.decisions import WANTED, Decisions, case_id, cause_id
from services.routing.matters import forwardings
from services.routing.store import RoutingStore, read, write

NAME: Final = "routing"
log = logger(__name__)
# So many crowded cases are named in the log.
_NAMED = 20
OPEN_STATES = tuple(state for state in get_args(CaseState) if state not in CLOSED_STATES)


def build_app(settings: Settings, role: Role | None = None, *, time: LegalTime | None = None, pack: Pack | None = None) -> Service:
    """Wire the service; connects to nothing. Raises PackError when the pack has faults."""
    pack = pack or load_pack(settings.pack)
    time = time or make_legal_time(settings.legal_time.file)
    service = Service(NAME, settings, role)
    store = RoutingStore(service.database)
    decisions = Decisions(pack, time)
    handler = CaseHandler(store.cases, decisions.decide, read, write, case_id, cause_id, partial(forwardings, pack))
    note, explains = service.progress.note, service.reachability.explains
    turn = Turn(settings, NAME, service.broker, handler, WANTED, note, decisions.refuse, explains, service.isolation.put_off)
    agencies = pack.agencies_not_ended(time.now().date())
    wanted = topics.read_by(NAME, [agency.id for agency in agencies], ())
    service.subscribe(wanted, turn.on_message)

    async def measure() -> None:
        for state, count in (await store.count_by_state(OPEN_STATES)).items():
            metrics.cases.labels(state).set(count)
        number, codes = await store.crowded(OPEN_STATES, _NAMED)
        metrics.crowded_cases.set(number)
        if codes:
            log.warning("crowded_cases", number=number, codes=codes)

    return service.build(store.prepare, [partial(service.every, settings.gauge_seconds, measure)])
