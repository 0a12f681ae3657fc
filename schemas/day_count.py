"""How a last day was counted; events of deadlines share it."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from schemas.values import DayOffKind, OpenUnit, open_text


class UnusualDay(BaseModel, frozen=True, extra="ignore"):
    """A day in a count that is off although it is no weekend, or that is worked although it is one."""

    date: datetime.date
    kind: Annotated[str, open_text("why the day is out of the ordinary", Literal[DayOffKind, "swap_work"])]
    name: str | None = Field(default=None, description="of a day off, in the words of the working calendar")
    worked_for: datetime.date | None = Field(default=None, description="of a swap_work: the day off for which it is worked")


class DayCount(BaseModel, frozen=True, extra="ignore"):
    """How a last day was counted: so many units after the day of the start, and the days out of the ordinary among them."""

    started_on: datetime.date = Field(description="the local day of the start, which is not counted")
    limit: int
    unit: OpenUnit
    unusual: tuple[UnusualDay, ...] = ()
