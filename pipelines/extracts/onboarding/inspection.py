"""What a file would become if it were landed now, without landing it: what `symmetry sources check` computes.

Belongs here: the look at one inbox file through the contracts, as a dataclass. Nothing is written but in a temporary
folder that is gone when the function returns; printing is the command's business.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

import duckdb

from pipelines.extracts.candidates import contract_for
from pipelines.extracts.conformer import Conformed, conform
from pipelines.extracts.containers import Part, parts_of
from pipelines.extracts.contract import ROW_VERSION, Contract
from pipelines.extracts.deliveries import shown_name
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.intake import open_workspace
from pipelines.extracts.onboarding.sniffing import Sample, sample_from, sample_of, sniff
from pipelines.extracts.personal import personal_by_name, personal_in_values
from pipelines.extracts.readers import DeliveryError, RawTable, read
from pipelines.extracts.readers.base import find_columns, names_of, sources

#: Records whose values are looked at for e-mail addresses and the like.
SAMPLE = 2_000

#: Bad rows that are shown.
SHOWN = 10

#: Contracts that are named for a file that none claims.
_NEAREST = 5


class UnknownContractError(ValueError):
    """No contract in force has that name, and no file has that path; the message lists those there are."""


@dataclass(frozen=True)
class ContractFit:
    """One contract looked at for a file: whether it claims the name, and how many of its columns are there.

    `found` of `wanted` columns that must be there stand in the file (null where the file could not be looked
    into); `missing` are the others.
    """

    contract: str
    claims: bool
    match: tuple[str, ...]
    found: int | None
    wanted: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnReading:
    """How one column of the contract is read.

    `found`: its name in the file, null where it is absent; `by_alias`: under another name than the preferred;
    `feeds`: `entity.field`, or how else it serves; `treatment`: 'pseudonymised', 'kept', 'filter' or 'version'.
    """

    source: str
    found: str | None
    by_alias: bool
    type: str
    formats: tuple[str, ...]
    feeds: tuple[str, ...]
    treatment: str
    needed: bool


@dataclass(frozen=True)
class MissingColumn:
    """A column the contract must have and the file has not, with the names it may bear and the nearest there is."""

    source: str
    names: tuple[str, ...]
    nearest: str | None


@dataclass(frozen=True)
class PersonalColumn:
    """A column that tells of people: why it is thought so, and what becomes of it.

    `evidence`: 'the contract says so', 'its name (e-mail)', 'phone in 12 of 40 values'...; `treatment`:
    'pseudonymised', 'dropped', or 'kept' (its values land as they are: look at it).
    """

    column: str
    evidence: tuple[str, ...]
    treatment: str


@dataclass(frozen=True)
class BadCell:
    """The first thing wrong with one row; `column` and `value` are null where the row has no structure."""

    line: int | None
    record: int
    column: str | None
    value: str | None
    reason: str
    message: str


@dataclass(frozen=True)
class Refused:
    """Why the file would not land at all: a reason's code and a message with the remedy."""

    reason: str
    message: str


@dataclass(frozen=True)
class Inspection:
    """What one extract (a file, or a part of a packed one) would become; counts are of source rows.

    read = good + bad + duplicates + filtered, all 0 when `refused`. `unmapped`: columns nobody reads, dropped.
    `max_bad_share`: above this share of bad rows the landing gate fails, where the contract states one.
    """

    shown: str
    contract: str | None = None
    fits: tuple[ContractFit, ...] = ()
    refused: Refused | None = None
    missing: tuple[MissingColumn, ...] = ()
    read: int = 0
    good: int = 0
    bad: int = 0
    duplicates: int = 0
    filtered: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    filter_reasons: dict[str, int] = field(default_factory=dict)
    columns: tuple[ColumnReading, ...] = ()
    personal: tuple[PersonalColumn, ...] = ()
    unmapped: tuple[str, ...] = ()
    first_bad: tuple[BadCell, ...] = ()
    cut_off: bool = False
    version: str | None = None
    max_bad_share: float | None = None


def chosen_contract(name: str, contracts: Sequence[Contract]) -> Contract:
    """Return the contract of that full name.

    Raises UnknownContractError when there is none.
    """
    for contract in contracts:
        if contract.full_name == name:
            return contract
    listed = ", ".join(contract.full_name for contract in contracts) or "none"
    raise UnknownContractError(
        f"{name!r} is neither a contract in force nor the path of a contract file; in force are: {listed}"
    )


def inspect_file(path: Path, contracts: Sequence[Contract], contract: Contract | None = None) -> list[Inspection]:
    """Look at every extract that a file holds, by the contract given or the one that claims its name.

    Never raises for a bad file (see Inspection.refused); OSError when it cannot be read.
    """
    try:
        parts = parts_of(path)
    except DeliveryError as error:
        return [Inspection(shown_name(path), refused=Refused(error.reason, error.message))]
    return [_inspect_part(part, contracts, contract) for part in parts]


def _inspect_part(part: Part, contracts: Sequence[Contract], contract: Contract | None) -> Inspection:
    with tempfile.TemporaryDirectory(prefix="symmetry_check_") as work:
        workdir = Path(work)
        try:
            plain = part.unpacked(workdir)
        except DeliveryError as error:
            return Inspection(part.shown, refused=Refused(error.reason, error.message))
        name = part.name
        if contract is None:
            try:
                contract, name = _claimant(part, contracts)
            except DeliveryError as error:
                fits = _fits(plain, part, contracts, workdir)
                return Inspection(part.shown, fits=fits, refused=Refused(error.reason, error.message))
        version = contract.version_of(name)
        inspection = Inspection(
            part.shown,
            contract=contract.full_name,
            version=version.isoformat(sep=" ") if version is not None else None,
            max_bad_share=contract.max_quarantine_share,
        )
        with open_workspace(workdir) as connection:
            try:
                raw = read(plain, contract, connection, workdir)
            except DeliveryError as error:
                refused = Refused(error.reason, _said_of(error, plain, part))
                missing = _missing(plain, part, contract, workdir) if error.reason == "missing_column" else ()
                return replace(inspection, refused=refused, missing=missing)
            return _with_rows(inspection, contract, raw, conform(connection, raw, contract), connection)


def _claimant(part: Part, contracts: Sequence[Contract]) -> tuple[Contract, str]:
    """Return the contract that claims a part, and the name it is claimed by, as landing does."""
    for name in (part.name, *part.also):
        if any(contract.matches(name) for contract in contracts):
            return contract_for(name, part.shown, contracts), name
    return contract_for(part.name, part.shown, contracts), part.name


def _said_of(error: DeliveryError, plain: Path, part: Part) -> str:
    """Return a reader's message with the name that people know the file by."""
    rest = error.message.removeprefix(f"{plain.name}: ")
    return error.message if rest == error.message else f"{part.shown}: {rest}"


def _with_rows(
    inspection: Inspection,
    contract: Contract,
    raw: RawTable,
    conformed: Conformed,
    connection: duckdb.DuckDBPyConnection,
) -> Inspection:
    sample = sample_from(connection, raw, SAMPLE)
    named = _found_names(contract, sample.names)
    # The reader says which columns there are; under which name, the sample (its own, where the sample has none).
    columns = _columns(contract, {source: named.get(source, source) for source in raw.columns})
    read_names = {column.found for column in columns}
    bad = connection.execute(
        f"""SELECT line, record, "column", left(value, 200), reason, message FROM {conformed.quarantine}
        ORDER BY record LIMIT {SHOWN}"""
    ).fetchall()
    return replace(
        inspection,
        read=raw.records_read,
        good=conformed.landed,
        bad=conformed.quarantined,
        duplicates=conformed.duplicates,
        filtered=conformed.filtered,
        reasons=dict(conformed.reasons),
        filter_reasons=dict(conformed.filter_reasons),
        columns=columns,
        personal=_personal(contract, columns, sample),
        unmapped=tuple(name for name in sample.names if name not in read_names),
        first_bad=tuple(BadCell(*row) for row in bad),
        cut_off=raw.cut_off,
    )


# --- columns ------------------------------------------------------------------------------------------


def _loosened(contract: Contract) -> Contract:
    """Return the contract with every column optional, so that a file without them can still be looked into."""
    columns = tuple(column.model_copy(update={"optional": True, "required": False}) for column in contract.columns)
    filters = tuple(rule.model_copy(update={"optional": True}) for rule in contract.filters)
    return contract.model_copy(update={"columns": columns, "filters": filters})


def _found_names(contract: Contract, names: Sequence[str]) -> dict[str, str]:
    """Return the contract's source -> the name under which the file has it, as the readers find it."""
    try:
        positions = find_columns(_loosened(contract), names, "")
    except DeliveryError:
        return {}  # the file has a name twice: its reader says so
    return {source: names[position] for source, position in positions.items()}


def _missing(plain: Path, part: Part, contract: Contract, workdir: Path) -> tuple[MissingColumn, ...]:
    try:
        sample = sample_of(plain, contract.format, workdir, part.shown, limit=SAMPLE)
    except DeliveryError:
        return ()
    found, known = _found_names(contract, sample.names), names_of(contract)
    free = [name for name in sample.names if name not in found.values()]
    folded = {" ".join(name.split()).casefold(): name for name in free}
    missing = []
    for source, needed in sources(contract).items():
        if not needed or source in found:
            continue
        near = [
            folded[match]
            for name in known[source]
            for match in get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
        ]
        # Of a file without its header the first line is a person's data: nothing of it is shown.
        missing.append(MissingColumn(source, known[source], near[0] if near and found else None))
    return tuple(missing)


def _columns(contract: Contract, found: dict[str, str]) -> tuple[ColumnReading, ...]:
    feeds, hidden = _destinations(contract)
    readings = []
    for column in contract.columns:
        name = found.get(column.source)
        where = tuple(feeds.get(column.field, ()))
        treatment = "pseudonymised" if column.field in hidden else "kept"
        if column.field == ROW_VERSION:
            where, treatment = (*where, "the version of the row"), "version"
        readings.append(
            ColumnReading(
                source=column.source,
                found=name,
                by_alias=name is not None and _is_alias(column.source, name),
                type=f"duration ({column.unit})" if column.type == "duration" else column.type,
                formats=column.formats,
                feeds=where,
                treatment=treatment,
                needed=not column.optional,
            )
        )
    for rule in contract.filters:
        readings.append(
            ColumnReading(
                source=rule.source,
                found=found.get(rule.source),
                by_alias=rule.source in found and _is_alias(rule.source, found[rule.source]),
                type="text",
                formats=(),
                feeds=(f"rows with {', '.join(map(repr, rule.drop_values))} are left out ({rule.reason})",),
                treatment="filter",
                needed=not rule.optional,
            )
        )
    return tuple(readings)


def _is_alias(source: str, name: str) -> bool:
    return " ".join(name.split()).casefold() != " ".join(source.split()).casefold()


def _destinations(contract: Contract) -> tuple[dict[str, list[str]], set[str]]:
    """Return the contract's field -> the entity fields it feeds, and the fields that feed an identity."""
    feeds: dict[str, dict[str, None]] = {}
    hidden: set[str] = set()
    for output in contract.resolved_outputs():
        entity = ENTITIES[output.entity]
        for item in output.items():
            for name, reference in item.items():
                if reference.startswith("="):
                    continue
                about = f" ({item['question'].removeprefix('=')})" if name == "value" and "question" in item else ""
                feeds.setdefault(reference, {})[f"{entity.name}.{name}{about}"] = None
                if entity.field(name).identity is not None:
                    hidden.add(reference)
        if output.when is not None:
            feeds.setdefault(output.when, {})[f"whether a {entity.name} is made"] = None
    for column in contract.columns:
        if column.added_to is not None:
            feeds.setdefault(column.field, {})[f"(added to {column.added_to})"] = None
    return {reference: list(where) for reference, where in feeds.items()}, hidden


# --- people -------------------------------------------------------------------------------------------


def _personal(contract: Contract, columns: Sequence[ColumnReading], sample: Sample) -> tuple[PersonalColumn, ...]:
    named = {name.casefold() for name in contract.personal}
    by_name: dict[str, list[ColumnReading]] = {}
    for reading in columns:
        if reading.found is not None:
            by_name.setdefault(reading.found, []).append(reading)
    as_text = {
        column.source
        for column in contract.columns
        if column.type == "text" and not column.codes and column.field != ROW_VERSION
    }
    result = []
    for name in sample.names:
        readings = by_name.get(name, [])
        values = sample.values(name)
        evidence = ["the contract lists it"] if name.casefold() in named else []
        kind = personal_by_name(name)
        if kind is not None:
            evidence.append(f"its name ({kind})")
        evidence += [f"{kind} in {count} of {len(values)} values" for kind, count in personal_in_values(values).items()]
        if any(reading.treatment == "pseudonymised" for reading in readings):
            result.append(PersonalColumn(name, tuple(evidence or ["it feeds an identity"]), "pseudonymised"))
        elif evidence:
            # Codes, numbers and dates land as the contract's own words or figures; text lands as it is.
            kept = any(reading.treatment == "kept" and reading.source in as_text for reading in readings)
            looks = [one for one in evidence if not one.startswith("its name")]
            if kept and not looks:
                evidence.append("the contract keeps it by name")
            if kept or not readings or all(reading.treatment == "filter" for reading in readings):
                result.append(PersonalColumn(name, tuple(evidence), "kept" if kept else "dropped"))
    return tuple(result)


# --- contracts that do not claim the file -------------------------------------------------------------


def _fits(plain: Path, part: Part, contracts: Sequence[Contract], workdir: Path) -> tuple[ContractFit, ...]:
    """Return the contracts that claim the name, then those whose columns the file has, the nearest first."""
    names: tuple[str, ...] | None = None
    with contextlib.suppress(DeliveryError):
        names = sample_of(plain, sniff(plain, part.shown).format, workdir, part.shown, limit=1).names
    fits = []
    for contract in contracts:
        wanted = [source for source, needed in sources(contract).items() if needed]
        have = _found_names(contract, names) if names is not None else {}
        fits.append(
            ContractFit(
                contract=contract.full_name,
                claims=any(contract.matches(name) for name in (part.name, *part.also)),
                match=contract.match,
                found=sum(source in have for source in wanted) if names is not None else None,
                wanted=len(wanted),
                missing=tuple(source for source in wanted if source not in have) if names is not None else (),
            )
        )
    near = sorted(fits, key=lambda fit: (-fit.claims, -(fit.found or 0) / max(fit.wanted, 1)))
    return tuple(fit for place, fit in enumerate(near) if fit.claims or (fit.found and place < _NEAREST))
