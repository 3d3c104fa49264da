"""What a benchmark says: one object a claim of an issue, printed as a table and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Claim:
    """A claim of an issue: what was measured, the bar as the issue states it, and whether it is met.

    The detail holds what a reader needs to judge the figure: the design it was measured on, its Monte-Carlo error
    where it is simulated, and the naive peer or the split beside it.
    """

    claim: str
    figure: str
    bar: str
    met: bool
    detail: str


def report(claims: Iterable[Claim], path: Path | None) -> bool:
    """Print each claim as it comes, write all of them to `path` if given; True when every one is met."""
    found = []
    for claim in claims:
        print(f"{'met    ' if claim.met else 'NOT MET'}  {claim.claim}: {claim.figure} ({claim.bar})")
        print(f"         {claim.detail}", flush=True)
        found.append(claim)
    if path is not None:
        path.write_text(json.dumps([asdict(claim) for claim in found], indent=2) + "\n", encoding="utf-8")
    return all(claim.met for claim in found)
