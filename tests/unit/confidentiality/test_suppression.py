"""The rule of k, alone."""

import polars as pl
import pytest

from pipelines.confidentiality.suppression import check_k, empty_suppressed, is_suppressed, null_unless, row_status


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "who": ["enough", "few", "unknown people", "nobody's", "unknown rule", "small n", "few and small n"],
            "protects": ["client", "client", "collaborator", "none", None, "client", "client"],
            "people": [5, 4, None, None, 4, 6, 2],
            "n": [9.0, 9.0, 9.0, 9.0, 9.0, 2.0, 2.0],
            "min_n": [5.0] * 7,
        },
        schema_overrides={"people": pl.Int64},
    )


def test_status_by_row() -> None:
    assert frame().select(row_status(5)).to_series().to_list() == [
        "ok",
        "suppressed",
        "suppressed",
        "ok",
        "suppressed",
        "insufficient",
        "suppressed",
    ]


def test_a_rule_that_cannot_be_read_hides() -> None:
    assert frame().select(is_suppressed(5)).to_series().null_count() == 0


def test_missing_n_is_insufficient() -> None:
    rows = frame().with_columns(n=pl.lit(None, dtype=pl.Float64))
    assert "ok" not in rows.select(row_status(5)).to_series().to_list()


@pytest.mark.parametrize("k", [-1, 0, 1, 2])
def test_k_has_a_floor(k: int) -> None:
    with pytest.raises(ValueError, match="never be below 3"):
        check_k(k)
    with pytest.raises(ValueError, match="never be below 3"):
        frame().select(is_suppressed(k))


def test_k_of_three_is_allowed() -> None:
    assert check_k(3) == 3


def test_null_unless_keeps_rows_types_and_the_allowed() -> None:
    rows = pl.DataFrame({"status": ["ok", "suppressed", "insufficient", None], "v": [1, 2, 3, 4], "t": list("abcd")})
    result = null_unless(rows, ["v"])
    assert result["v"].to_list() == [1, None, None, None]
    assert result["t"].to_list() == list("abcd")
    assert result.schema == rows.schema


def test_suppressed_rows_lose_every_number_even_one_added_later() -> None:
    rows = pl.DataFrame(
        {
            "status": ["ok", "suppressed", "insufficient"],
            "window_months": [3, 3, 3],
            "n": [9.0, 2.0, 1.0],
            "added_later": [1, 2, 3],
            "note": ["a", "b", "c"],
            "label": ["x", "y", "z"],
        }
    )
    result = empty_suppressed(rows, keep=["window_months"], also=["note"])
    assert result.row(1) == ("suppressed", 3, None, None, None, "y")
    assert result.row(0) == rows.row(0)
    assert result.row(2) == rows.row(2)
