"""The programs in docs/examples run as they stand: a portal posts and is answered, an agency acts, a dead letter is replayed."""

import asyncio
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.integration.test_intake_portals import registered
from tests.support import example_programs
from tests.support.example_programs import FEEDBACK, Language, Programs
from tests.support.outside_world import GOOD, Seen, until
from tests.support.system import System


@pytest.fixture(scope="module", params=["python", "node", "java"])
def language(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Language:
    """Each language of the programs; it is skipped, with the reason, where this machine cannot run it."""
    try:
        if request.param == "node":
            return example_programs.node(request.getfixturevalue("node_packages"))
        if request.param == "java":
            return example_programs.java(tmp_path_factory.mktemp("classes"))
    except example_programs.CannotRun as error:
        pytest.skip(f"The programs in {request.param} are not tested here: {error}")
    return example_programs.python()


@pytest.fixture
def programs(language: Language, system: System, tmp_path: Path) -> Programs:
    return Programs(language, system.settings, tmp_path)


@pytest.fixture
def examples(system: System, tmp_path: Path) -> Programs:
    """Those programs that are there in Python alone."""
    return Programs(example_programs.python(), system.settings, tmp_path)


async def lines_until(output: asyncio.StreamReader, word: str) -> list[str]:
    """What is printed up to the line that has `word`; fails when the program ends before."""
    found: list[str] = []
    while not found or word not in found[-1]:
        line = await output.readline()
        assert line, f"{word!r} was never printed, but {found}"
        found.append(line.decode())
    return found


async def test_a_portal_posts_and_reads_each_answer_once_and_an_agency_accepts(system: System, programs: Programs) -> None:
    """The portal's program once committed by itself, before its work: a crash lost answers."""
    portal = programs.language.portal
    assert (await programs.finished("post", portal, "HS-1", FEEDBACK)).startswith("HS-1 is in ")
    async with programs.running("answers", portal) as output:
        code = (await lines_until(output, "HS-1"))[-1].split()[1]
    # A repeated submission has the same answer, which the program knows by its id.
    for own_id in ("HS-1", "HS-2"):
        await programs.finished("post", portal, own_id, FEEDBACK)
    async with programs.running("answers", portal) as output:
        said = await lines_until(output, "HS-2")
    assert not [line for line in said if line.startswith(f"HS-1 {code} is registered")]
    async with programs.running("agency", "gia-lai") as output:
        await lines_until(output, f"pakn.FeedbackAssigned.v1 {code}")
        await system.observer.wait("FeedbackAccepted", code=code, agency="gia-lai")


async def test_a_portals_program_says_of_each_answer_what_it_is(system: System, programs: Programs) -> None:
    """It knew two of four, and passed over each step of a case and each refused supplement without a word."""
    portal, prefix = programs.language.portal, programs.language.name
    own_id = await system.post.portal(portal, GOOD, f"{prefix}-1")
    answer = (await registered(system, own_id, portal)).data
    case, code = answer["feedback_id"], answer["code"]
    await system.observer.wait("SubmissionProgressed", topic=f"outbox.{portal}", code=code, step="FeedbackAssigned")
    await system.post.act("gia-lai", case, "refuse", reason="It is a private road")
    await system.observer.wait("SubmissionProgressed", topic=f"outbox.{portal}", code=code, step="FeedbackNotAccepted")
    await system.post.portal(portal, GOOD | {"title": "", "colour": "red"}, f"{prefix}-2")
    await system.post.sender_act(portal, "PortalRating", f"{prefix}-3", code=code)
    refused = [await system.observer.wait(name, topic=f"outbox.{portal}") for name in ("SubmissionRefused", "SenderActRefused")]
    faults = ["; ".join(f"{row['field']}: {row['message']}" for row in answers[-1].data["faults"]) for answers in refused]
    await system.post.event(f"outbox.{portal}", "SubmissionPraised", {"stars": 5}, f"{prefix}-4")
    async with programs.running("answers", portal) as output:
        said = {line.rstrip("\n") for line in await lines_until(output, f"{prefix}-4")}
    assert said >= {
        f"{prefix}-1 {code} is registered",
        f"{prefix}-1 {code} FeedbackAssigned",
        f"{prefix}-1 {code} FeedbackNotAccepted It is a private road",
        f"{prefix}-2 is refused: {faults[0]}",
        f"{prefix}-3 is refused: {faults[1]}",
        f"{prefix}-4 is passed over: pakn.SubmissionPraised.v1 is not known here",
    }


async def test_a_letter_that_was_kept_is_shown(examples: Programs, tmp_path: Path) -> None:
    letter = EmailMessage()
    letter["To"], letter["Subject"] = "thu@example.org", "Đã tiếp nhận"
    letter.set_content("Mã tra cứu: PAKN.1\n")
    (tmp_path / "a.eml").write_bytes(letter.as_bytes())
    assert await examples.finished("letter", "a.eml") == "To: thu@example.org\nSubject: Đã tiếp nhận\n\nMã tra cứu: PAKN.1\n\n"


async def test_a_wrong_name_is_told_with_what_to_name(programs: Programs) -> None:
    """The programs waited for a topic that nobody makes, and said so eight times a second."""
    wrong = (("post", "gialai", "HS-1", FEEDBACK), ("answers", "gialai"), ("agency", "gialai"))
    complaints = await asyncio.gather(*(programs.refused(*arguments) for arguments in wrong))
    assert all(complaint.startswith("There is no topic ") for complaint in complaints), complaints
    names = [name for name, *_ in wrong]
    usages = await asyncio.gather(*(programs.refused(name) for name in names))
    assert all(programs.language.usage(name) in usage for name, usage in zip(names, usages, strict=True)), usages


async def test_a_dead_letter_is_listed_and_posted_again(system: System, examples: Programs) -> None:
    own_id = await system.post.portal("danang-1022", {"title": "x"})

    def letters() -> list[Seen]:
        return [row for row in system.observer.found(topic="dead.intake") if row.headers["original-ce_id"] == own_id]

    origin = (await until(letters, "the record is a dead letter"))[0].headers["origin"]
    there = len(system.observer.found(topic="dead.intake"))
    said = await examples.finished("dead", "intake", origin)
    assert [line for line in said.splitlines() if line.startswith(f"{origin} invalid ")]
    assert said.endswith(f"dead letters of intake: {there}, posted again: 1\n")
    await until(lambda: letters()[1:], "the replayed record was handled again")
