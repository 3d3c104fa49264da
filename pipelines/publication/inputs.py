"""What a publication is made from, as one fingerprint: the same inputs never publish twice."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from pipelines.company_definitions import Definitions, copy_definitions, definitions_fingerprint, load_definitions
from pipelines.extracts.contract import Contract, load_contracts
from pipelines.extracts.deliveries import live_receipts
from pipelines.extracts.landing import pending_fingerprint
from pipelines.publication.audiences import Audiences, are_written
from pipelines.publication.history import gone_back_from
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


def inputs_fingerprint(settings: Settings, deliveries: str) -> str:
    """SHA-256 (hexadecimal) of all that decides a publication: deliveries, definitions, code and settings.

    Args:
        settings: the settings of the run.
        deliveries: the fingerprint of the deliveries, as `pending_fingerprint` gives it.
    """
    return hashlib.sha256("\n".join([deliveries, *_constants(settings)]).encode()).hexdigest()


def build_fingerprint(settings: Settings) -> str:
    """SHA-256 (hexadecimal) of all that decides the figures but the deliveries.

    Where it is that of the last build, only the months whose rows have changed need recomputing.
    """
    return hashlib.sha256("\n".join(_constants(settings)).encode()).hexdigest()


def _constants(settings: Settings) -> list[str]:
    """Definitions, code, and the settings that bear on figures."""
    stated = {receipt.definitions for receipt in live_receipts(settings.landing_dir) if receipt.definitions}
    return [
        definitions_fingerprint(definitions_folder(settings, stated)),
        code_version(),
        str(settings.min_respondents),
        settings.timezone,
    ]


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
    deliveries = pending_fingerprint(settings.inbox_dir, settings.landing_dir, contracts, archive=settings.archive_dir)
    now = inputs_fingerprint(settings, deliveries)
    left = gone_back_from(settings.published_path)
    if left is not None and now == left.manifest["publication"]["inputs_fingerprint"]:
        # What somebody has gone back from is not published again before something in it has changed.
        return True
    if not all(settings.report_path(language).is_file() for language in ("en", "fr")):
        return False
    if not are_written(settings.audiences_path, settings.published_path, settings.audiences_dir):
        return False
    return bool(now == last["inputs_fingerprint"])


@dataclass(frozen=True)
class RunInputs:
    """What a run works from, settled when it began: what arrives or is edited meanwhile is the next run's.

    `fingerprint`, `build`: as `inputs_fingerprint` and `build_fingerprint` give them; `definitions`: the name of the
    folder; `months`: those that somebody asked to be computed again, each as ``YYYY-MM``; None when nobody asked.
    """

    fingerprint: str
    definitions: str
    build: str = ""
    months: list[str] | None = None


def settle_inputs(settings: Settings, deliveries: str, months: list[str] | None = None) -> RunInputs:
    """Write down what this run works from, and copy its definitions to where an edit does not reach them.

    Args:
        settings: the settings of the run.
        deliveries: `pending_fingerprint` as it was when landing began.
        months: the months that this run is asked to compute again, as ``YYYY-MM``; None when it is asked for none.

    Raises:
        DefinitionsError: the definitions do not hold together.
        ConflictingDefinitionsError: several are stated and no setting chooses.
        AudiencesError: audiences.yml is wrong.
    """
    definitions = definitions_in_force(settings)
    if settings.audiences_path is not None:
        Audiences(settings.audiences_path)
    copy_definitions(definitions.folder, settings.definitions_copy)
    inputs = RunInputs(inputs_fingerprint(settings, deliveries), definitions.name, build_fingerprint(settings), months)
    settings.inputs_path.write_text(json.dumps(asdict(inputs)), encoding="utf-8")
    return inputs


def settled_inputs(settings: Settings) -> RunInputs:
    """What the run in progress works from.

    Raises:
        FileNotFoundError: no run has begun here.
    """
    if not settings.inputs_path.is_file():
        raise FileNotFoundError(f"{settings.inputs_path} is not there: nothing has landed yet; run the whole job")
    return RunInputs(**json.loads(settings.inputs_path.read_text(encoding="utf-8")))


def settled_definitions(settings: Settings) -> Definitions:
    """The definitions of the run in progress, from its own copy, under the name of the folder they came from.

    Raises:
        FileNotFoundError: no run has begun here.
    """
    name = settled_inputs(settings).definitions
    return replace(load_definitions(settings.definitions_copy), name=name)
