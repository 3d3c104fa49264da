"""Dagster's embedded event log, as a run of `symmetry run` writes it: the same files, connected to once.

A run writes an event for every table and every test. Dagster's SQLite storage opens a connection for each write and
closes it, and SQLite copies its log into the database at every close; that costs more than what is written. Here the
connections stay open as long as the instance. Only how the files are written belongs in this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry
    from sqlalchemy.engine import Connection, Engine


class SqliteEventLog(SqliteEventLogStorage):
    """Dagster's event log with one connection for each file, open until the storage is disposed of."""

    def __init__(self, base_dir: str) -> None:
        """The log in a folder, which is made when it is not there."""
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # The lock lets one thread in at a time, so that one connection serves them all.
        with self._db_lock:
            if shard not in self._engines:
                self._engines[shard] = self._open(shard)
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> Engine:
        engine: Engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        self._initdb(engine)
        with engine.connect() as connection:
            # In SQLite's WAL mode this keeps the database whole; a power cut may cost the last lines of a run's log.
            connection.execute(sqlalchemy.text("PRAGMA synchronous = NORMAL"))
        return engine

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event, and let the UI know, which watches the file; what is new stands in SQLite's log beside it."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def dispose(self) -> None:
        """Close the connections; SQLite puts its logs into the databases."""
        super().dispose()
        while self._engines:
            self._engines.popitem()[1].dispose()


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's embedded storage with the event log above."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """The storage in a Dagster home."""
        super().__init__(base_dir, inst_data)
        self._kept = SqliteEventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> SqliteStorage:
        """Made by Dagster from `base_dir`."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def event_log_storage(self) -> SqliteEventLog:
        """The event log of this storage."""
        return self._kept


@contextmanager
def run_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that DAGSTER_HOME names, for a process that makes one run and ends.

    An instance with a storage of its own (PostgreSQL) is left as it is.
    """
    with dg.DagsterInstance.get() as instance:
        ref = instance.get_ref()
        stored = ref.storage_data
        if stored is None or stored.class_name != DagsterSqliteStorage.__name__:
            yield instance
            return
    kept = ConfigurableClassData(__name__, SqliteStorage.__name__, stored.config_yaml)
    with dg.DagsterInstance.from_ref(ref._replace(storage_data=kept)) as instance:
        yield instance
