"""Web and worker of a service as two processes would run them: together they are the service, and each lives without the other."""

from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD


async def test_a_web_goes_on_without_its_worker_which_takes_up_what_waited(make_system: MakeSystem) -> None:
    """One process was all of a service: a record that exhausted it took the citizens' page with it."""
    async with make_system() as system:
        await system.start("intake", "deadlines", role="web")
        await system.start("intake", "deadlines", "routing", role="worker")
        body = await system.timed()
        await system.shows(body, "assigned")
        own_id = await system.post.portal("gialai-dvc", GOOD)
        await system.observer.wait("SubmissionRegistered", topic="outbox.gialai-dvc", submission_id=own_id)
        answer = await system.https["deadlines"].get(f"/v1/feedback/{body['code']}/deadlines")
        assert {clock["rule"] for clock in answer.json()["clocks"]} >= {"handle_reply"}
        await system.stop("intake-worker", "deadlines-worker")
        waiting = await system.assigned()
        assert (await system.view(waiting))["state"] == "submitted"
        assert (await system.https["deadlines"].get(f"/v1/feedback/{body['code']}/deadlines")).status_code == 200
        await system.start("intake", "deadlines", role="worker")
        await system.shows(waiting, "assigned")
        await system.observer.wait_clock("set", subject=waiting["feedback_id"], rule="handle_reply")
