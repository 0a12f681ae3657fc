"""The programs in docs/examples run as they stand: a portal posts and is answered, an agency acts, a dead letter is replayed."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from pakn.engine.kafka_login import client_options
from pakn.local import kafka_process
from pakn.local.launcher import TOOLS
from pakn.operations import access
from pakn.operations.rights import OPERATOR, Login
from pakn.operations.topics import provision
from pakn.settings import Settings
from tests.integration.test_intake_portals import registered
from tests.support import example_programs, packs
from tests.support.certificates import make_certificate, needs_certificate
from tests.support.example_programs import FEEDBACK, Language, Programs
from tests.support.outside_world import GOOD, Seen, until
from tests.support.system import System
from tests.support.tls_kafka import TlsKafka


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


async def issued(settings: Settings, login: Login) -> str:
    """A new password, once it lets its user in: a broker that is making topics hears of it late."""
    password = await asyncio.to_thread(access.issue, settings, login)
    who = {"username": login.name(settings.namespace), "password": SecretStr(password)}
    options = client_options(settings.kafka.model_copy(update=who))

    async def let_in() -> bool:
        client = AIOKafkaClient(**options)
        try:
            await client.bootstrap()
        except KafkaConnectionError:
            return False
        finally:
            await client.close()
        return True

    await until(let_in, f"{login.id} may log in")
    return password


@pytest.fixture(scope="module")
async def passwords(system: System) -> dict[str, str]:
    """Passwords of the logins that the programs use, by the ids that they are given; `intake` is whose dead letters are read."""
    parties = access.parties_of(system.settings)
    wanted = {login.id: login for login in parties.logins if login.kind == "portal"}
    wanted |= {"gia-lai": Login("agency", "gia-lai"), "intake": OPERATOR}
    return {id: await issued(system.settings, login) for id, login in wanted.items()}


@pytest.fixture
def programs(language: Language, system: System, tmp_path: Path, passwords: dict[str, str]) -> Programs:
    return Programs(language, system.settings, tmp_path, passwords)


@pytest.fixture
def examples(system: System, tmp_path: Path, passwords: dict[str, str]) -> Programs:
    """Those programs that are there in Python alone."""
    return Programs(example_programs.python(), system.settings, tmp_path, passwords)


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


async def refusals(programs: Programs, portal: str, agency: str) -> list[str]:
    """What each program complains of, when it is given these names and does nothing."""
    given = (("post", portal, "HS-1", FEEDBACK), ("answers", portal), ("agency", agency))
    return list(await asyncio.gather(*(programs.refused(*arguments) for arguments in given)))


def assert_refused(complaints: list[str], settings: Settings, portal: str, agency: str) -> None:
    """Each complaint must say who was refused, which variables to set, and what to name."""
    users = [f"{settings.namespace}.{user}" for user in (f"portal.{portal}", f"portal.{portal}", f"agency.{agency}")]
    names = ["a portal of packs/vn/pack.yaml", "a portal of packs/vn/pack.yaml", "an agency of packs/vn/agencies.csv"]
    for complaint, user, name in zip(complaints, users, names, strict=True):
        assert complaint.startswith(f"Kafka at {settings.kafka.bootstrap} refuses {user} or does not answer"), complaint
        assert complaint.endswith(f": set KAFKA and KAFKA_PASSWORD, name {name}."), complaint


async def test_a_wrong_name_is_told_with_what_to_name(programs: Programs, system: System) -> None:
    """The programs waited for a topic that nobody makes, and said so eight times a second."""
    assert_refused(await refusals(programs, "gialai", "gialai"), system.settings, "gialai", "gialai")
    names = ["post", "answers", "agency"]
    usages = await asyncio.gather(*(programs.refused(name) for name in names))
    assert all(programs.language.usage(name) in usage for name, usage in zip(names, usages, strict=True)), usages


async def test_a_wrong_password_is_told_with_what_to_set(language: Language, system: System, tmp_path: Path) -> None:
    """A password that has been renewed since is what goes wrong most often."""
    programs = Programs(language, system.settings, tmp_path, passwords={})
    complaints = await refusals(programs, language.portal, "gia-lai")
    assert_refused(complaints, system.settings, language.portal, "gia-lai")


@pytest.fixture(scope="module")
async def by_tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """The settings of a super user on a Kafka of its own, which has the topics of the small pack and is reached over TLS."""
    server = TlsKafka(tmp_path_factory.mktemp("tls"), kafka_process.fetch_jars(TOOLS, print))
    await asyncio.to_thread(server.start)
    try:
        settings = Settings(namespace="tls", pack=str(packs.FOLDER), kafka=server.by_tls)
        await provision(settings)
        yield settings
    finally:
        server.stop()


@needs_certificate
async def test_a_program_logs_in_over_tls_with_a_ca_of_ones_own(language: Language, by_tls: Settings, tmp_path: Path) -> None:
    """A client that does not look at the certificate tells its secrets to whoever answers; one without TLS is not answered."""
    portal = language.portal
    given = {portal: await issued(by_tls, Login("portal", portal))}
    programs = Programs(language, by_tls, tmp_path, given, KAFKA_CA=str(by_tls.kafka.ca_file))
    assert (await programs.finished("post", portal, "HS-1", FEEDBACK)).startswith("HS-1 is in ")
    _, other = make_certificate(tmp_path, "IP:127.0.0.1")
    for trusting in ({"KAFKA_CA": str(other)}, {}):
        assert " or does not answer" in await Programs(language, by_tls, tmp_path, given, **trusting).refused(
            "post", portal, "HS-1", FEEDBACK
        )


async def test_a_missing_password_is_told_with_how_to_get_one(language: Language, system: System, tmp_path: Path) -> None:
    programs = Programs(language, system.settings, tmp_path, passwords={language.portal: "", "gia-lai": ""})
    users = [f"{system.settings.namespace}.{user}" for user in (f"portal.{language.portal}", "agency.gia-lai")]
    complaints = await refusals(programs, language.portal, "gia-lai")
    wanted = [f"Set KAFKA_PASSWORD to the password of {user} (pakn access issue {user})." for user in users]
    assert complaints == [wanted[0], *wanted]


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


async def test_an_operators_program_that_is_refused_says_what_to_set(system: System, tmp_path: Path) -> None:
    given = {"intake": "", "routing": "not the operator's"}
    programs = Programs(example_programs.python(), system.settings, tmp_path, given)
    complaints = await asyncio.gather(*(programs.refused("dead", service) for service in given))
    user = f"{system.settings.namespace}.operator"
    assert complaints == [
        f"Set KAFKA_PASSWORD to the password of {user} (pakn access issue {user}).",
        f"Kafka at {system.settings.kafka.bootstrap} refuses {user} or does not answer: set KAFKA and KAFKA_PASSWORD.",
    ]
