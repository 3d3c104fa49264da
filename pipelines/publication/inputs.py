"""What a publication is made from, as one fingerprint: the same inputs never publish twice."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipelines.company_definitions import Definitions, definitions_fingerprint, load_definitions
from pipelines.extracts.contract import Contract, load_contracts
from pipelines.extracts.deliveries import live_receipts
from pipelines.extracts.landing import pending_fingerprint
from pipelines.publication.publish import last_publication
from pipelines.settings import DBT_PROJECT_DIR, PROJECT_DIR, SHIPPED_DEFINITIONS_DIR, Settings

CODE_SUFFIXES = {".py", ".sql", ".yml", ".j2"}


class ConflictingDefinitionsError(ValueError):
    """The deliveries that have landed were written for different definitions, and no setting chooses."""


def definitions_folder(settings: Settings, stated: set[str]) -> Path:
    """The folder of definitions in force: the setting's, else the one the contracts state, else the default.

    Args:
        settings: the settings of the run.
        stated: names of the shipped definitions that the landed deliveries' contracts state.

    Raises:
        ConflictingDefinitionsError: several are stated and no setting chooses.
        FileNotFoundError: a contract states definitions that do not ship.
    """
    if settings.definitions is not None:
        return settings.definitions
    if len(stated) > 1:
        raise ConflictingDefinitionsError(
            f"the contracts of what has landed state several definitions ({', '.join(sorted(stated))}); "
            "choose one with --definitions DIR, or keep the sources in separate inboxes"
        )
    folder = SHIPPED_DEFINITIONS_DIR / (next(iter(stated)) if stated else "default")
    if not folder.is_dir():
        raise FileNotFoundError(f"a contract states the definitions {folder.name!r}, and {folder} is not there")
    return folder


def definitions_in_force(settings: Settings) -> Definitions:
    """Load and check the definitions that this run computes with.

    Raises:
        DefinitionsError: they do not hold together; the message names each file and line.
        ConflictingDefinitionsError: several are stated and no setting chooses.
    """
    stated = {receipt.definitions for receipt in live_receipts(settings.landing_dir) if receipt.definitions}
    return load_definitions(definitions_folder(settings, stated))


@cache
def code_version() -> str:
    """The package's version and, after a plus sign, twelve digits of the code's own hash.

    The hash makes a change of code or model count as something new to publish, with no version to remember.
    """
    digest = hashlib.sha256()
    for root in (PROJECT_DIR / "pipelines", PROJECT_DIR / "expectations", DBT_PROJECT_DIR):
        paths = (path for path in root.rglob("*") if path.suffix in CODE_SUFFIXES and path.is_file())
        for path in sorted(path for path in paths if "target" not in path.relative_to(root).parts):
            digest.update(str(path.relative_to(PROJECT_DIR)).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{importlib.metadata.version('symmetry-scorecard')}+{digest.hexdigest()[:12]}"


def inputs_fingerprint(settings: Settings, contracts: Sequence[Contract]) -> str:
    """SHA-256 (hexadecimal) of all that decides a publication: deliveries, definitions, code and settings.

    Before landing and after it the value is the same, as long as the inbox holds nothing that has yet to land.
    """
    stated = {receipt.definitions for receipt in live_receipts(settings.landing_dir) if receipt.definitions}
    parts = [
        pending_fingerprint(settings.inbox_dir, settings.landing_dir, contracts),
        definitions_fingerprint(definitions_folder(settings, stated)),
        code_version(),
        str(settings.min_respondents),
        settings.timezone,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def nothing_new(settings: Settings, contracts: Sequence[Contract] | None = None) -> bool:
    """Whether a run would publish what is published already.

    Args:
        settings: the settings of the run.
        contracts: the contracts in force; loaded when not given.

    Raises:
        ConflictingDefinitionsError: several definitions are stated and no setting chooses.
    """
    last = last_publication(settings.published_path)
    if last is None:
        return False
    contracts = load_contracts(*settings.contract_dirs()) if contracts is None else contracts
    return last["inputs_fingerprint"] == inputs_fingerprint(settings, contracts)
