"""Who may do what: rights that follow from the topics, and the forms in which others take them over."""

import yaml

from pakn.operations import strimzi
from pakn.operations.rights import Login, Right, logins, rights_of
from schemas import topics

AGENCIES, PORTALS = ["gia-lai", "gia-lai-2"], ["cdvcqg"]
SPECS = topics.all_topics(AGENCIES, PORTALS)
ALL = logins(AGENCIES, PORTALS)


def test_each_topic_is_written_by_somebody_and_read_by_somebody_but_the_dead_letters() -> None:
    """A new family of topics without a writer here could not be used by anybody on a Kafka with rights."""
    for operation in ("read", "write"):
        reached = {
            right.name
            for login in ALL
            if login.kind != "operator"
            for right in rights_of(login, "t", SPECS)
            if right.operation == operation
        }
        wanted = {f"t.{spec.name}" for spec in SPECS if operation == "write" or not spec.name.startswith("dead.")}
        assert wanted <= reached


def test_contacts_are_read_by_notify_and_the_operator_alone() -> None:
    """They hold every sender's phone, and the secret of each look-up."""
    readers = {
        login.id
        for login in ALL
        for right in rights_of(login, "t", SPECS)
        if (right.name, right.operation) == ("t.contacts", "read")
    }
    assert readers == {"notify"}
    assert Right("topic", "t.", "read", "prefixed") in rights_of(Login("operator", "operator"), "t", SPECS)


def test_no_outsider_has_a_right_over_more_than_its_own() -> None:
    """A prefix that ends in the middle of a name is another agency's as well."""
    for id in AGENCIES:
        login = Login("agency", id)
        for right in rights_of(login, "t", SPECS):
            if right.resource == "topic":
                assert right.name in {f"t.{family}.{id}" for family in ("assignments", "actions", "files")}
                assert right.pattern == "literal"
            else:
                assert right.name == f"t.agency.{id}."
        assert not {right for right in rights_of(login, "t", SPECS) if "gia-lai-2.".startswith(right.name)}


def test_strimzi_gets_a_user_for_each_login_with_the_same_rights() -> None:
    documents = list(yaml.safe_load_all(strimzi.users("pakn", ALL, SPECS)))
    assert [document["metadata"]["name"] for document in documents] == [login.name("pakn") for login in ALL]
    portal = next(document for document in documents if document["metadata"]["name"] == "pakn.portal.cdvcqg")
    assert portal["spec"]["authentication"] == {"type": "scram-sha-512"}
    acls = portal["spec"]["authorization"]["acls"]
    assert {"resource": {"type": "topic", "name": "pakn.inbox.cdvcqg", "patternType": "literal"}, "operations": ["Write"]} in acls
    assert sum(len(acl["operations"]) for acl in acls) == len(rights_of(Login("portal", "cdvcqg"), "pakn", SPECS))
