"""What every stage is handed: the settings of the run.

Kept apart from the stages because Dagster hides the other definitions of a module that holds resources.
"""

import sys
from pathlib import Path

import dagster as dg

from pipelines.publication.lock import hold_warehouse
from pipelines.settings import Settings, effective_settings

# Every step that writes the warehouse; `dagster.yaml` lets one run with such steps go at a time. What keeps two
# writers apart in earnest is the lock of the operating system: the pool only spares the second run its wait.
POOL = "warehouse"


class Workspace(dg.ConfigurableResource):
    """The settings in force when a step starts, so that the UI, a sensor and the command line agree."""

    def settings(self) -> Settings:
        """Read the settings now, make their folders, and hand them to the processes this step will start.

        Raises:
            WarehouseBusyError: another process is writing this company's warehouse.
        """
        settings = effective_settings()
        settings.make_folders()
        hold_warehouse(settings.warehouse_path.parent)
        settings.export_to_processes()
        return settings


def dbt_executable() -> str:
    """Path of the dbt that is installed beside this Python, whether or not its folder is on PATH."""
    return str(Path(sys.executable).with_name("dbt"))


def build_resources() -> dict[str, object]:
    """The resources by the names under which the stages ask for them."""
    return {"workspace": Workspace()}
