"""The main job on real data that nobody here wrote: the 2011 NYC School Survey, parents facing teachers.

Expected figures are read from the two files independently, with Python's csv module alone.
"""

import csv
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.integration.conftest import Company

PAIRS = {"safety": "saf", "communication": "com", "engagement": "eng", "academics": "aca"}


def read_independently(folder: Path) -> dict[str, dict[str, str]]:
    schools: dict[str, dict[str, str]] = {}
    for name in ("survey_all.txt", "survey_d75.txt"):
        with (folder / name).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t")
            header = next(reader)
            for fields in reader:
                if len(fields) == len(header):
                    row = dict(zip(header, fields, strict=True))
                    schools[row["dbn"]] = row
    return schools


@pytest.fixture(scope="module")
def folder(real: Path) -> Path:
    return real / "nyc_school_survey_2011"


@pytest.fixture(scope="module")
def schools(folder: Path) -> dict[str, dict[str, str]]:
    return read_independently(folder)


@pytest.fixture(scope="module")
def nyc(folder: Path, new_company: Callable[..., Company]) -> Company:
    company = new_company("nyc")
    done = company.symmetry("run", "--inbox", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "definitions: nyc_school_survey_2011" in done.stderr
    return company


@pytest.fixture(scope="module")
def published(nyc: Company, folder: Path) -> Path:
    return nyc.data / folder.name / "published" / "scorecard.duckdb"


def test_510_whole_schools_and_the_record_that_is_cut_off(nyc: Company, published: Path, folder: Path) -> None:
    units = nyc.query("select unit_level, count(*) as n from scorecard group by unit_level", published)
    counts = dict(units.iter_rows())
    assert counts["school"] == 510
    assert counts["city"] == 1
    assert counts["borough"] == 5
    [publication] = nyc.query("select * from publications", published).iter_rows(named=True)
    assert publication["rows_read"] == 511
    assert publication["rows_landed"] == 510
    assert publication["rows_quarantined"] == 1
    [bad] = pl.read_parquet(nyc.data / folder.name / "quarantine" / "*.parquet").iter_rows(named=True)
    assert (bad["file"], bad["line"], bad["reason"]) == ("survey_all.txt", 456, "field_count")
    assert "668" in bad["message"]
    assert "1942" in bad["message"]
    assert "09X404" in bad["row"]


@pytest.mark.parametrize("dbn", ["01M015", "01M019", "75K004", "75X754", "09X403"])
def test_exact_figures_of_schools(nyc: Company, published: Path, schools: dict[str, dict[str, str]], dbn: str) -> None:
    source = schools[dbn]
    [row] = nyc.query(f"select * from scorecard where unit_id = '{dbn}'", published).iter_rows(named=True)
    client, collaborator = (
        sum(float(source[f"{column}_{side}_11"]) * 10 for column in PAIRS.values()) / 4 for side in ("p", "t")
    )
    assert row["period"] == date(2011, 6, 1)
    assert row["unit_name"] == source["schoolname"]
    assert row["parent_unit_id"] == f"{dbn[2]}-{dbn[:2]}"
    assert row["client_index"] == pytest.approx(client, abs=1e-9)
    assert row["collaborator_index"] == pytest.approx(collaborator, abs=1e-9)
    assert row["gap"] == pytest.approx(client - collaborator, abs=1e-9)
    assert row["level"] == pytest.approx(math.sqrt(client * collaborator), abs=1e-9)
    pairs = nyc.query(f"select * from scorecard_pairs where unit_id = '{dbn}'", published)
    for pair in pairs.iter_rows(named=True):
        column = PAIRS[pair["pair_id"]]
        assert pair["client_score"] == pytest.approx(float(source[f"{column}_p_11"]) * 10, abs=1e-9)
        assert pair["collaborator_score"] == pytest.approx(float(source[f"{column}_t_11"]) * 10, abs=1e-9)
    counts = nyc.query(
        f"select indicator_id, n, variance_source from scorecard_indicators where unit_id = '{dbn}'", published
    )
    found = {row["indicator_id"]: row for row in counts.iter_rows(named=True)}
    assert found["client_safety"]["n"] == float(source["N_p"])
    assert found["collaborator_safety"]["n"] == float(source["N_t"])
    assert {row["variance_source"] for row in found.values()} == {"bound"}


def test_a_district_is_the_respondents_weighted_mean_of_its_schools(
    nyc: Company, published: Path, schools: dict[str, dict[str, str]]
) -> None:
    """District 75 spans the boroughs, so K-75 holds the schools of Brooklyn alone."""
    own = [row for dbn, row in schools.items() if dbn.startswith("75K")]
    assert len(own) > 5
    weighted = sum(float(row["N_p"]) * float(row["saf_p_11"]) for row in own) / sum(float(row["N_p"]) for row in own)
    [pair] = nyc.query(
        "select client_score from scorecard_pairs where unit_id = 'K-75' and pair_id = 'safety'", published
    ).rows()
    assert pair[0] == pytest.approx(weighted * 10, abs=1e-9)
    [[parent, level]] = nyc.query(
        "select parent_unit_id, unit_level from dim_unit where unit_id = 'K-75'", published
    ).rows()
    assert (parent, level) == ("K", "district")


def test_parent_teacher_correlations_over_the_landed_schools(schools: dict[str, dict[str, str]], nyc: Company) -> None:
    """Over the 510 schools as landed, before any is hidden for its few respondents."""
    landed = pl.read_parquet(nyc.data / "nyc_school_survey_2011" / "landing" / "indicator_feed" / "*.parquet")
    wide = landed.pivot("indicator_id", index="unit_id", values="value")
    assert wide.height == len(schools) == 510
    found = {pair: round(wide.select(pl.corr(f"client_{pair}", f"collaborator_{pair}")).item(), 2) for pair in PAIRS}
    assert found == {"safety": 0.53, "communication": 0.39, "engagement": 0.41, "academics": 0.46}


def test_parent_teacher_correlations_over_what_is_published(nyc: Company, published: Path) -> None:
    pairs = nyc.query(
        "select pair_id, client_score, collaborator_score from scorecard_pairs "
        "where unit_level = 'school' and status = 'ok'",
        published,
    )
    found = {
        pair: (rows.height, round(rows.select(pl.corr("client_score", "collaborator_score")).item(), 2))
        for (pair,), rows in pairs.group_by("pair_id")
    }
    assert found == {
        "safety": (504, 0.52),
        "communication": (504, 0.38),
        "engagement": (504, 0.40),
        "academics": (504, 0.46),
    }


def test_schools_with_fewer_than_five_respondents_are_hidden(
    nyc: Company, published: Path, schools: dict[str, dict[str, str]]
) -> None:
    few = {dbn for dbn, row in schools.items() if min(float(row["N_p"] or 0), float(row["N_t"] or 0)) < 5}
    rows = nyc.query(
        "select unit_id, status, gap from scorecard where unit_level = 'school' and status <> 'ok'", published
    )
    # Where a district less its other schools would be the one that is too small, the school with the fewest people
    # beside it is hidden too.
    beside = {"02M150", "05M344"}
    assert set(rows["unit_id"]) == few | beside
    assert len(few) == 4
    assert rows["gap"].null_count() == 6
