"""DuckDB for Great Expectations, until Great Expectations has an engine of its own for it.

Great Expectations reads SQL through ``SqlAlchemyExecutionEngine.execute_query``, which closes its connection and hands
back a cursor that has not been read. Most drivers have fetched the rows by then. DuckDB has not: its result goes with
its connection, and every expectation that reads data ends in "list index out of range". Both classes here change one
thing each, through the places Great Expectations leaves for subclasses: rows are fetched while the connection is open,
and the datasource names its file, its schema and that it only reads.

To drop this module once Great Expectations reads DuckDB natively: use its datasource in
:func:`expectations.gate.run_gate`, the only place that imports this one.

Importing this module imports Great Expectations, which takes seconds: import it inside functions only.
"""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any, Literal

from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """The SQL engine of Great Expectations, which reads a result before it lets its connection go."""

    def execute_query(self, query: Any) -> Any:
        """Run a query and return its rows, already in memory.

        Args:
            query: a SQLAlchemy selectable or text.

        Returns:
            A SQLAlchemy result (``fetchall``, ``fetchmany``, ``scalar`` ...) that needs no connection any more; the
            cursor itself for a statement that returns no row.

        Raises:
            sqlalchemy.exc.DBAPIError: DuckDB refuses the query.
        """
        with self.get_connection() as connection:
            result = self._execute_query_with_recovery(connection, query)
            return result.freeze()() if result.returns_rows else result


class DuckDBDatasource(SQLDatasource):
    """A DuckDB file, opened for reading only, one schema of it.

    ``duckdb_schema`` is where tables are looked up. Nobody may hold the file open for writing, in this process or in
    another, while the datasource is in use.
    """

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]
    duckdb_schema: str = "main"

    @property
    def schema_(self) -> str:
        """The schema that table assets are in."""
        return self.duckdb_schema

    @property
    def execution_engine_type(self) -> builtins.type[SqlAlchemyExecutionEngine]:
        """The engine that fetches inside the connection."""
        return DuckDBExecutionEngine

    @classmethod
    def _get_exec_engine_excludes(cls) -> set[str]:
        # Fields of the datasource that are no argument of the engine.
        return super()._get_exec_engine_excludes() | {"duckdb_schema"}


def read_only_url(path: Path) -> str:
    """The SQLAlchemy address of a DuckDB file, for reading only.

    Args:
        path: the file; relative paths are resolved here, since SQLAlchemy would not say which folder it took.

    Returns:
        ``duckdb:////absolute/path?access_mode=read_only``
    """
    from sqlalchemy import URL

    url = URL.create("duckdb", database=str(path.resolve()), query={"access_mode": "read_only"})
    return url.render_as_string(hide_password=False)
