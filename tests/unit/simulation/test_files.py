"""The files look as the systems write them, and the same seed gives the same bytes."""

import json
import re
from pathlib import Path

import pytest

from pipelines.simulation.company import simulate

from .conftest import SMALL, Company


def test_the_same_seed_gives_the_same_bytes(company: Company, tmp_path: Path) -> None:
    simulate(tmp_path / "inbox", tmp_path / "truth.json", **SMALL)
    names = sorted(p.name for p in company.inbox.iterdir())
    assert names == sorted(p.name for p in (tmp_path / "inbox").iterdir())
    assert len(names) == 12
    for name in names:
        assert (company.inbox / name).read_bytes() == (tmp_path / "inbox" / name).read_bytes(), name
    assert (tmp_path / "truth.json").read_bytes() == company.summary.truth.read_bytes()


def test_another_seed_gives_another_company(company: Company, tmp_path: Path) -> None:
    simulate(tmp_path / "inbox", tmp_path / "truth.json", **{**SMALL, "seed": 8})
    for name in ("salesforce_case.csv", "qualtrics_clients.csv", "hr_salaries.csv"):
        assert (company.inbox / name).read_bytes() != (tmp_path / "inbox" / name).read_bytes()


def test_a_clean_company_has_no_dirty_row(tmp_path: Path) -> None:
    simulate(tmp_path / "inbox", tmp_path / "truth.json", **{**SMALL, "dirt": 0.0})
    files = json.loads((tmp_path / "truth.json").read_text("utf-8"))["files"]
    assert {(f["quarantined"], f["duplicates"]) for f in files.values()} == {(0, 0)}


def test_salesforce_files_are_quoted_with_18_character_ids_and_utc_timestamps(company: Company) -> None:
    text = (company.inbox / "salesforce_case.csv").read_text("utf-8")
    assert text.startswith('"Id","IsDeleted","CaseNumber","AccountId",')
    raw = company.raw("salesforce_case.csv")
    good = [i for i in raw.column("Id") if i.strip()]
    assert all(re.fullmatch(r"500[0-9A-Za-z]{12}[A-Z0-5]{3}", i) for i in good)
    stamps = [s for s in raw.column("CreatedDate") if re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000", s)]
    assert len(stamps) > 0.98 * len(good)
    assert any("\n" in d for d in raw.column("Description"))
    # Cases of the first of the month just after midnight in Paris are still of the day before in UTC.
    told = company.truth["files"]["salesforce_case.csv"]["dirty_rows"]["value"]
    assert min(set(stamps) - set(told)) >= "2025-04-30T22:00"


def test_salesforce_suffix_is_that_of_a_known_id() -> None:
    import numpy as np

    from pipelines.simulation.writers import invented

    ids = invented.salesforce_ids("500", np.array([0, 61, 62**6 - 1]))
    assert ids.to_list()[0] == "5005f0000000000AAA"

    def suffix(base: str) -> str:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
        chunks = [base[i : i + 5] for i in (0, 5, 10)]
        return "".join(letters[sum(c.isupper() << i for i, c in enumerate(chunk))] for chunk in chunks)

    # A real id of Salesforce's own sample organisation proves the rule, then ours follow it.
    assert suffix("001Ec00000FzlUd") == "IAJ"
    assert all(i[15:] == suffix(i[:15]) for i in ids)


def test_french_hr_files_are_cp1252_with_semicolons_and_french_forms(company: Company) -> None:
    for path in company.inbox.glob("hr_*.csv"):
        data = path.read_bytes()
        assert b"\r\n" in data
        assert data.count(b"\n") == data.count(b"\r\n")
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")
    raw = company.raw("hr_salaries.csv")
    assert raw.names[:4] == ["Matricule", "Nom", "Prénom", "Date de naissance"]
    assert set(raw.column("ETP")) >= {"1,00", "0,80"}
    assert any(re.fullmatch(r"\d\d/\d\d/\d{4}", d) for d in raw.column("Début de situation"))
    assert {"Terrain", "Bureau"} == set(raw.column("Catégorie"))


def test_qualtrics_files_have_three_header_rows_and_previews(company: Company) -> None:
    for name in ("qualtrics_clients.csv", "qualtrics_collaborateurs.csv"):
        assert (company.inbox / name).read_bytes().startswith(b"\xef\xbb\xbf")
        names, texts, imports = company.raw(name).headers
        assert len(names) == len(texts) == len(imports) == len(set(names))
        assert {tuple(json.loads(i)) for i in imports} == {("ImportId",)}
        assert "satisfait" in texts[names.index("Q3")]
        assert company.raw(name).column("Status").count("1") == company.truth["files"][name]["filtered"]["preview"]


def test_personal_data_is_invented(company: Company) -> None:
    for name, column in (
        ("salesforce_case.csv", "SuppliedEmail"),
        ("salesforce_account.csv", "PersonEmail"),
        ("hr_salaries.csv", "Courriel"),
        ("qualtrics_clients.csv", "RecipientEmail"),
        ("helpdesk_requests.csv", "requester_email"),
    ):
        assert all(e.endswith("@courriel.example") for e in company.raw(name).column(column))
    assert all(p.startswith("01 99 00 ") for p in company.raw("salesforce_account.csv").column("Phone"))
    assert all(p.startswith("06 39 98 ") for p in company.raw("salesforce_case.csv").column("SuppliedPhone"))
    assert all(a.startswith("192.0.2.") for a in company.raw("qualtrics_clients.csv").column("IPAddress"))


@pytest.mark.parametrize("wrong", [{"teams": 39}, {"months": 11}])
def test_a_company_too_small_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        simulate(tmp_path / "inbox", tmp_path / "truth.json", **{**SMALL, **wrong})


def test_the_truth_must_not_lie_among_the_extracts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must not lie among"):
        simulate(tmp_path, tmp_path / "truth.json", **SMALL)
