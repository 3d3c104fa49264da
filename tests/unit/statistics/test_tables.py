"""What is published is described: every table has its key among its columns, and every column its words."""

import pytest

from pipelines.statistics.tables import PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_column_is_described_and_the_key_is_part_of_the_table(name: str) -> None:
    table = PUBLISHED[name]
    assert list(table.columns) == list(table.schema)
    assert set(table.key) <= set(table.schema)
    assert all(len(words) > 10 and words.endswith(".") for words in (table.description, *table.columns.values()))
