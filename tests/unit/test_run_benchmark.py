"""The split of a run's CPU by stage adds up to the whole and follows the times of steps and nodes."""

import pytest

from benchmarks.run import split


def test_split_adds_up_and_shares_a_slice_among_nodes_at_work() -> None:
    curve = [(1.0, 2.0), (2.0, 3.0), (3.5, 4.0), (4.5, 6.0), (5.5, 8.0), (7.0, 9.0), (8.5, 9.5), (9.5, 10.0)]
    steps = [("landing", 1.5, 2.5), ("dbt_indicators", 3.0, 8.0), ("publication_gate", 8.2, 9.0)]
    nodes = [("dbt models", 4.0, 6.0), ("dbt tests", 5.0, 6.0)]
    stages = split(curve, 1.2, steps, nodes)
    assert sum(stages.values()) == pytest.approx(10)
    assert stages["imports"] == pytest.approx(2)
    assert stages["landing"] == pytest.approx(1)
    assert stages["dbt start and parse"] == pytest.approx(1)
    assert stages["dbt models"] == pytest.approx(2 + 1)
    assert stages["dbt tests"] == pytest.approx(1)
    assert stages["dbt end"] == pytest.approx(1)
    assert stages["gate 2"] == pytest.approx(0.5)
    assert stages["dagster, between steps"] == pytest.approx(0.5)
