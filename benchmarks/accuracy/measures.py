"""Shares and ratios with their Monte-Carlo errors, from counts by company."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Share:
    """A share and its Monte-Carlo standard error, both of 1; `of` is how many it rests on."""

    value: float
    error: float
    of: int

    def __str__(self) -> str:
        return f"{self.value:.1%} ± {self.error:.1%} (of {self.of:,})"


@dataclass
class Counter:
    """Counts of a part and its whole, one pair a company: companies are independent, what is inside one is not."""

    part: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)

    def add(self, part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> None:
        """Count one company's true elements."""
        self.add_ratio(int(part.sum()), int(whole.sum()))

    def add_ratio(self, part: int, whole: int) -> None:
        """Add one company's counts."""
        self.part.append(part)
        self.whole.append(whole)

    def share(self) -> Share:
        """Part / whole over all companies, with the error of a ratio of means (Cochran 1977, 2.39)."""
        return ratio(np.array(self.part, dtype=float), np.array(self.whole, dtype=float))


def ratio(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Share:
    """Σ part / Σ whole with its standard error, elements being independent draws; NaN where the whole is nothing."""
    total = whole.sum()
    if total == 0:
        return Share(float("nan"), float("nan"), 0)
    value = part.sum() / total
    count = len(part)
    error = np.sqrt(((part - value * whole) ** 2).sum() * count / max(count - 1, 1)) / total
    return Share(float(value), float(error), int(total))
