"""What the title of a problem says to a person."""

import pytest

from pakn.engine.problems import Problem


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("not-json", "This is not a JSON document"),
        ("not-an-object", "This is not a JSON object"),
        ("unknown-code", "Unknown code"),
    ],
)
def test_a_title_is_words_for_people(kind: str, title: str) -> None:
    """ "Not json" was the first thing that a newcomer read of a broken body."""
    assert Problem(400, kind, "…").title == title
