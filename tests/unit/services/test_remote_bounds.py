"""What a portal's Open311 server sends beside its list, or too much of, costs nobody but that portal."""

import json

import pytest

from pakn.packs.open311 import Remote
from services.intake.remotes import reading
from services.intake.remotes.client import RemoteClient
from tests.support.odd_city import OddCity
from tests.unit.services.test_remote_turns import Turns


async def test_a_cookie_of_the_server_is_not_sent_back() -> None:
    """One that is no ASCII made each later request fail, which ended the process; many stayed in memory."""
    city = OddCity()
    city.headers = "Set-Cookie: a=é\r\n" + "".join(f"Set-Cookie: n{number}=1\r\n" for number in range(50))
    async with city.listening() as url:
        client = RemoteClient(Remote(url=url), "a-key")
        assert [await client.requests({}) for _ in range(2)] == [b"[]", b"[]"]
        assert len(client._http.cookies) == 0
        await client.close()


async def test_a_request_that_no_topic_takes_holds_up_nothing_behind_it() -> None:
    city = OddCity()
    large = "<request><service_request_id>large</service_request_id><title>" + '"' * 3_900_000 + "</title></request>"
    small = "<request><service_request_id>small</service_request_id><description>Ổ gà</description></request>"
    pages = {"1": large + small}
    city.answer = lambda asked: (200, f"<requests>{pages.get(asked.values['page'], '')}</requests>".encode())
    async with city.listening() as url:
        turns = Turns(url, format="xml")
        await turns.poll()
        assert turns.ids == ["small"]


def test_a_list_of_more_requests_than_any_server_should_give_is_none() -> None:
    """A hundred thousand in one answer held up all of intake for seconds."""
    body = json.dumps([{"service_request_id": str(number)} for number in range(10_001)]).encode()
    with pytest.raises(reading.Strange, match="more than"):
        reading.read(body, "json")
