"""Who may do what: rights that follow from the topics, and the forms in which others take them over."""

import yaml

from pakn.operations import strimzi
from pakn.operations.rights import Login, logins, rights_of
from schemas import topics

AGENCIES, PORTALS = ["gia-lai", "gia-lai-2"], ["cdvcqg"]
SPECS = topics.all_topics(AGENCIES, PORTALS)
ALL = logins(AGENCIES, PORTALS)


def may(login: Login, operation: str, topic: str) -> bool:
    """Whether a login has this right over a topic, as Kafka's authorizer finds out."""
    rights = [right for right in rights_of(login, "t") if (right.resource, right.operation) == ("topic", operation)]
    return any(topic.startswith(right.name) if right.pattern == "prefixed" else topic == right.name for right in rights)


def test_each_topic_is_written_by_somebody_and_read_by_somebody_but_the_dead_letters() -> None:
    """A new family of topics without a writer here could not be used by anybody on a Kafka with rights."""
    others = [login for login in ALL if login.kind != "operator"]
    for spec in SPECS:
        assert any(may(login, "write", f"t.{spec.name}") for login in others), spec.name
        assert any(may(login, "read", f"t.{spec.name}") for login in others) or spec.name.startswith("dead."), spec.name


def test_contacts_are_read_by_notify_and_the_operator_alone() -> None:
    """They hold every sender's phone, and the secret of each look-up."""
    assert {login.id for login in ALL if may(login, "read", "t.contacts")} == {"notify", "operator"}


def test_no_outsider_has_a_right_over_more_than_its_own() -> None:
    """A prefix that ends in the middle of a name is another agency's as well."""
    for id in AGENCIES:
        login = Login("agency", id)
        for right in rights_of(login, "t"):
            if right.resource == "topic":
                assert right.name in {f"t.{family}.{id}" for family in ("assignments", "actions", "files")}
                assert right.pattern == "literal"
            else:
                assert right.name == f"t.agency.{id}."
        assert not {right for right in rights_of(login, "t") if "gia-lai-2.".startswith(right.name)}


def test_strimzi_gets_a_user_for_each_login_with_the_same_rights() -> None:
    documents = list(yaml.safe_load_all(strimzi.users("pakn", ALL)))
    assert [document["metadata"]["name"] for document in documents] == [login.name("pakn") for login in ALL]
    portal = next(document for document in documents if document["metadata"]["name"] == "pakn.portal.cdvcqg")
    assert portal["spec"]["authentication"] == {"type": "scram-sha-512"}
    acls = portal["spec"]["authorization"]["acls"]
    assert {"resource": {"type": "topic", "name": "pakn.inbox.cdvcqg", "patternType": "literal"}, "operations": ["Write"]} in acls
    assert sum(len(acl["operations"]) for acl in acls) == len(rights_of(Login("portal", "cdvcqg"), "pakn"))
