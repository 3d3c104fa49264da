"""Months and days of the simulated company.

Days are whole numbers counted from the first day of the first month (negative before it), which keeps the
draws in plain integer arithmetic; they become dates only when files are written.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from pipelines.simulation.randomness import IntArray

NEVER = 10**6
"""Day that never comes: the end of what has no end."""


@dataclass(frozen=True)
class Calendar:
    """The months from `first` on: `starts[m]` is the day on which month m starts, with one more at the end."""

    first: date
    months: int
    starts: IntArray

    @classmethod
    def ending(cls, last_month: date, months: int) -> "Calendar":
        """The calendar of `months` months of which `last_month` (any day in it) is the last.

        Raises ValueError below 12 months: too short for twelve-month windows and for what is planted.
        """
        if months < 12:
            raise ValueError(f"months={months}: at least 12 are needed for twelve-month windows")
        index = last_month.year * 12 + last_month.month - 1 - (months - 1)
        first = date(index // 12, index % 12 + 1, 1)
        month_starts = np.datetime64(first, "M") + np.arange(months + 1)
        starts = (month_starts.astype("datetime64[D]") - np.datetime64(first, "D")).astype(np.int64)
        return cls(first=first, months=months, starts=starts)

    @property
    def days(self) -> int:
        """Number of days in the calendar; the extracts are taken in the night after the last of them."""
        return int(self.starts[-1])

    @property
    def taken_on(self) -> str:
        """The day on which the extracts are taken, as it stands in file names: `YYYYMMDD`."""
        return self.iso(self.days).replace("-", "")

    def month_of(self, day: npt.NDArray[np.int64]) -> IntArray:
        """Index of the month of each day, held within the calendar."""
        index = np.searchsorted(self.starts, day, side="right") - 1
        return np.asarray(np.clip(index, 0, self.months - 1), dtype=np.int64)

    def date64(self, day: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
        """Dates (datetime64[D]) of days; NEVER becomes NaT."""
        dates = np.datetime64(self.first, "D") + np.where(day >= NEVER, 0, day).astype("timedelta64[D]")
        return np.where(day >= NEVER, np.datetime64("NaT", "D"), dates)

    def label(self, month: int) -> str:
        """`YYYY-MM` of a month index."""
        return str(np.datetime64(self.first, "M") + month)

    def iso(self, day: int) -> str:
        """`YYYY-MM-DD` of a day."""
        return str(np.datetime64(self.first, "D") + day)
