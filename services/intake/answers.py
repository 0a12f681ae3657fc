"""Answers to the questions of a category: what is wrong with them, and how they are recorded. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pakn.packs.models import Category, Question
from schemas.matter import Answered
from schemas.portal_submission import Answer
from schemas.values import Fault

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


def faults(category: Category, given: Any) -> Iterator[Fault]:
    """Every fault of the answers of a submission as sent, compared with the questions. What has no shape is passed over."""
    questions = {question.id: question for question in category.questions}
    seen: set[str] = set()
    for index, (id, value) in enumerate(_pairs(given)):
        if id is None:
            continue
        field = f"answers.{index}"
        if id not in questions:
            message = f"unknown question {id[:80]!r}; use one of: {', '.join(questions) or 'none: leave it out'}"
            yield Fault(field=f"{field}.question", code="unknown_question", message=message)
        elif id in seen:
            yield Fault(field=f"{field}.question", code="sent_twice", message="this question is answered twice; answer it once")
        elif value is not None and (fault := _fault(questions[id], value, f"{field}.value")):
            yield fault
        seen.add(id)
    for question in category.questions:
        if question.required and question.id not in seen:
            yield Fault(field=f"answers.{question.id}", code="missing", message=f"the question {question.id!r} must be answered")


def _pairs(given: Any) -> Iterator[tuple[str | None, str | None]]:
    for row in given if isinstance(given, list | tuple) else ():
        said = row.model_dump() if isinstance(row, Answer) else row if isinstance(row, Mapping) else {}
        id, value = said.get("question"), said.get("value")
        yield (id if isinstance(id, str) else None, value.strip() if isinstance(value, str) else None)


def _fault(question: Question, value: str, field: str) -> Fault | None:
    match question.kind:
        case "number":
            if not _NUMBER.fullmatch(value):
                return Fault(field=field, code="bad_format", message="must be a number in digits, with a point")
            if question.least is not None and float(value) < question.least:
                return Fault(field=field, code="out_of_range", message=f"must be {question.least:g} or more")
            if question.most is not None and float(value) > question.most:
                return Fault(field=field, code="out_of_range", message=f"must be {question.most:g} or less")
        case "date":
            if not _is_day(value):
                return Fault(field=field, code="bad_format", message="must be a date as YYYY-MM-DD")
        case "choice":
            if value not in {choice.id for choice in question.choices}:
                known = ", ".join(choice.id for choice in question.choices)
                return Fault(field=field, code="not_one_of", message=f"must be one of: {known}")
    return None


def _is_day(value: str) -> bool:
    try:
        # Of all that ISO 8601 allows, what is asked for alone.
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def recorded(category: Category, given: Iterable[Answer], language: str) -> tuple[Answered, ...]:
    """Answers in order, with the words in which they were asked, in the order of the questions."""
    by_id = {answer.question: answer.value for answer in given}
    return tuple(
        Answered(
            question=question.id,
            value=by_id[question.id],
            asked=question.name[language],
            shown=_shown(question, by_id[question.id], language),
        )
        for question in category.questions
        if question.id in by_id
    )


def _shown(question: Question, value: str, language: str) -> str | None:
    choices: Sequence[Any] = question.choices
    return next((choice.name[language] for choice in choices if choice.id == value), None)
