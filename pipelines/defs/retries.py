"""What is tried again, and after how long: only what may pass by itself, never an error in the data."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from pipelines.publication.lock import WarehouseBusyError
from pipelines.settings import Settings

# A disk that is full or a right that is missing needs somebody; these may pass within minutes.
TRANSIENT_ERRNOS = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.ENOLCK,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ETXTBSY,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}


def is_transient(error: BaseException) -> bool:
    """Whether an error may pass by itself: another writer, a file somebody holds, a network share that is away."""
    if isinstance(error, WarehouseBusyError):
        return True
    if isinstance(error, duckdb.IOException):
        return "could not set lock" in str(error).lower()
    return isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS


def wait_before(attempt: int, first: float) -> float:
    """Seconds to wait before a new try: `first`, doubled with each one.

    Args:
        attempt: how many tries there were already beside the first, from 0.
        first: seconds before the first new try.
    """
    return float(first * 2**attempt)


@contextmanager
def trying_again(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Iterator[None]:
    """Ask Dagster to run the step again later when what stopped it may pass; every other error goes through.

    Raises:
        dagster.RetryRequested: in place of a transient error; its cause is that error.
    """
    try:
        yield
    except (OSError, WarehouseBusyError, duckdb.IOException) as error:
        settings = Settings()
        attempt = context.op_execution_context.retry_number
        if not is_transient(error) or attempt >= settings.retry_attempts:
            raise
        seconds = wait_before(attempt, settings.retry_seconds)
        context.log.warning(
            f"{error}. This may pass: try {attempt + 1} of {settings.retry_attempts} follows in {seconds:.0f} seconds."
        )
        raise dg.RetryRequested(max_retries=settings.retry_attempts, seconds_to_wait=seconds) from error
