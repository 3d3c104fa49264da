"""The audit: what it lets through, what it stops, and how it says so."""

from collections.abc import Callable

import polars as pl
import pytest

from pipelines.confidentiality.audit import Exposure, People, Publication, exposures
from pipelines.confidentiality.complementary import complementary
from tests.unit.confidentiality.random_company import Truth, company
from tests.unit.confidentiality.test_attack import recovered
from tests.unit.confidentiality.test_complementary import JANUARY, SITE, windows

INDICATORS = pl.DataFrame(
    {
        "indicator_id": ["trust"],
        "side": ["collaborator"],
        "measure": ["survey_mean"],
        "topic": ["trust"],
        "protects": ["collaborator"],
        "multiplier": [1.0],
    }
)


def publication(rows: pl.DataFrame, hierarchy: pl.DataFrame) -> Publication:
    return Publication(rows, hierarchy, INDICATORS)


def people_of(truth: Truth) -> People:
    sums = pl.DataFrame(
        [(cell.unit, cell.population or "all", cell.month, sum(v)) for cell, v in truth.answers.items()],
        schema={"unit_id": pl.String, "population": pl.String, "month": pl.Int64, "s1": pl.Float64},
        orient="row",
    ).with_columns(period=pl.date((pl.col("month") - 1) // 12, (pl.col("month") - 1) % 12 + 1, 1))
    cells = truth.cells.with_columns(n=pl.col("people").cast(pl.Float64)).join(
        sums, on=["unit_id", "population", "period"], how="left", validate="1:1"
    )
    return People(cells, truth.windows)


def audited(truth: Truth, rows: pl.DataFrame, k: int = 5) -> list[Exposure]:
    return exposures(publication(rows, truth.hierarchy), [], people_of(truth), k)


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_the_audit_finds_what_the_attacker_finds(seed: int) -> None:
    """It may find more: it takes for granted that a reader knows in which months nobody answered."""
    truth = company(seed)
    assert audited(truth, truth.windows) or not recovered(truth, truth.windows)
    assert audited(truth, complementary(truth.windows, truth.hierarchy, 5, truth.cells)) == []


def test_the_combination_is_named_and_gives_the_sum() -> None:
    rows, people = site()
    (found,) = exposures(publication(rows, SITE), [], people, 5)
    assert found.kind == "cells"
    assert found.people == 3
    assert found.cells == (("a", "all", JANUARY),)
    assert {(term.unit_id, term.weight) for term in found.combination} == {("site", 1.0), ("b", -1.0), ("c", -1.0)}
    assert str(found).startswith("trust: a (all, 2025-01), 3 people, is ")
    assert "+ site (all, 2025-01)" in str(found)


def site(**more: int) -> tuple[pl.DataFrame, People]:
    """A site of three teams, a of 3 people; everybody answers 1, and so do those who are added to a team."""
    sizes = {"a": 3, "b": 20, "c": 15}
    sizes = {team: people + more.get(team, 0) for team, people in sizes.items()}
    rows = windows(("site", sum(sizes.values())), *sizes.items())
    cells = pl.DataFrame(
        {
            "unit_id": list(sizes),
            "period": JANUARY,
            "population": "all",
            "indicator_id": "trust",
            "n": [float(people) for people in sizes.values()],
            "s1": [float(people) for people in sizes.values()],
            "people": list(sizes.values()),
        }
    )
    return rows, People(cells, rows)


def hide(*units: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.with_columns(
        status=pl.when(pl.col("unit_id").is_in(units)).then(pl.lit("suppressed")).otherwise(pl.lit("ok"))
    )


def test_a_figure_that_an_earlier_publication_showed_counts_in() -> None:
    rows, people = site()
    today = publication(hide("a", "c")(rows), SITE)
    assert exposures(today, [], people, 5) == []
    (found, *_) = exposures(today, [publication(hide("a", "b")(rows), SITE)], people, 5)
    assert found.cells == (("a", "all", JANUARY),)
    assert {(term.unit_id, term.publication) for term in found.combination} == {("site", 0), ("b", 0), ("c", 1)}


def test_one_person_added_between_two_publications_is_told_by_the_difference() -> None:
    before, _ = site()
    rows, people = site(b=1)
    found = exposures(publication(hide("a", "c")(rows), SITE), [publication(hide("a", "c")(before), SITE)], people, 5)
    assert {one.kind for one in found} == {"change"}
    assert {(one.combination[-1].unit_id, one.combination[-1].weight, one.people) for one in found} == {
        ("b", -1.0, 1.0),
        ("site", -1.0, 1.0),
    }
    rows, people = site(b=5)
    assert not exposures(
        publication(hide("a", "c")(rows), SITE), [publication(hide("a", "c")(before), SITE)], people, 5
    )


def test_a_share_that_is_cut_at_its_bound_has_not_changed() -> None:
    """More losses than people make the sums say -1; published is 0, today as before."""
    rows, people = site()
    cells = people.cells.with_columns(s1=-pl.col("s1"))
    same = publication(hide("a", "c")(rows).with_columns(value=pl.lit(0.0)), SITE)
    assert exposures(same, [same], People(cells, people.windows), 5) == []


def believed(rows: pl.DataFrame, *, role: str) -> tuple[Publication, People]:
    """The site's answers as beliefs of a role on trust; beside them clients' own, as the indicator `trust`."""
    _, people = site()
    name = f"belief.{role}.trust"
    both = [
        pl.concat([frame, frame.with_columns(indicator_id=pl.lit(name))]) for frame in (people.cells, people.windows)
    ]
    shown = rows.filter(pl.col("status") == "ok").with_columns(indicator_id=pl.lit(name))
    survey = INDICATORS.with_columns(side=pl.lit("client"), measure=pl.lit("survey_top_box"), topic=pl.lit("trust"))
    today = Publication(
        hide("a", "c")(people.windows),
        SITE,
        survey,
        beliefs=shown.select("unit_id", "period", "indicator_id", pl.col("n").cast(pl.Float64), "value"),
    )
    return today, People(*both)


def test_beliefs_are_audited_like_any_figure_and_beside_the_answers_they_are_made_of() -> None:
    """Site less b and c, of beliefs, is a. Where a is hidden beside b there, and beside c among the answers that
    clients gave themselves, both tables together give it; what collaborators believe says nothing of clients."""
    rows, _ = site()
    today, people = believed(hide("a")(rows), role="collaborator")
    (found,) = exposures(today, [], people, 5)
    assert found.indicators == ("belief.collaborator.trust",)
    assert found.cells == (("a", "all", JANUARY),)
    today, people = believed(hide("a", "b")(rows), role="collaborator")
    assert exposures(today, [], people, 5) == []
    today, people = believed(hide("a", "b")(rows), role="client")
    (found, *_) = exposures(today, [], people, 5)
    assert found.indicators == ("belief.client.trust", "trust")
    assert found.cells == (("a", "all", JANUARY),)


def test_figures_about_nobody_are_not_audited() -> None:
    rows, people = site()
    free = Publication(rows, SITE, INDICATORS.with_columns(protects=pl.lit("none")))
    assert exposures(free, [], people, 5) == []
