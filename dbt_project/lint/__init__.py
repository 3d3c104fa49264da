"""Stand-ins for what dbt gives a model's Jinja, so that sqlfluff renders it without dbt or a warehouse.

Only sqlfluff reads this (`library_path` in .sqlfluff); every public name here is a name in the templates.
"""

from collections.abc import Callable

_VARIABLES = {
    "timezone": "Europe/Paris",
    "as_of": "",
    "min_respondents": 5,
    "max_depth": 2,
    "dialect": "",
    "months": [],
    "few_windows": 2,
}


class _Adapter:
    def dispatch(self, name: str, _project: str | None = None) -> Callable[..., str]:
        return lambda *arguments: f"{name}({', '.join(str(argument) for argument in arguments)})"


class _Target:
    type = "duckdb"
    schema = "main"


def var(name: str, default: object = "") -> object:
    """Return the value of a dbt variable, as dbt_project.yml sets it (fewer levels, to keep the text short)."""
    return _VARIABLES.get(name, default)


adapter = _Adapter()
target = _Target()
