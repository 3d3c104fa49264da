"""The whole proof: `python -m benchmarks.accuracy [--companies N] [--part NAME …] [--json FILE]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.claims import Claim, report

COMPANIES = 200
PARTS = ("ruptures", "intervals", "shrinkage", "links", "actions", "drivers", "diagnosis")


def claims(parts: Sequence[str], companies: int) -> Iterator[Claim]:
    """The claims of the named parts, as they come."""
    for name in parts:
        began = time.process_time()
        yield from importlib.import_module(f"benchmarks.accuracy.{name}").claims(companies, _say)
        _say(f"{name}: {time.process_time() - began:.0f} s of CPU")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print each claim, and write them to the file of --json; the exit code is 1 when one is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description="Planted truth against figures.")
    parser.add_argument("--companies", type=int, default=COMPANIES, help="simulated companies of each part")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS, help="only these parts")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    options = parser.parse_args(arguments)
    return 0 if report(claims(options.part, options.companies), options.json) else 1


if __name__ == "__main__":
    sys.exit(main())
