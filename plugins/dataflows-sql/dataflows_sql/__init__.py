"""Loads from SQL databases and writes into them.

* `address`: which database is meant, and how it is shown without its secrets
* `database`: what every database can do here: the protocol of the ones below
* `postgres` (with `postgres_columns`, `postgres_csv`, `postgres_attached`), `sqlite` (with `sqlite_values`),
  `duck`, `other`: the databases
* `stored`: fields as columns of a database hold them; `texts`: columns of text to typed ones
* `load`: the source
* `dump`, `targets`, `sink`, `writing`, `updated`: the sink
"""

from __future__ import annotations

from dataflows_sql.dump import dump_to_sql
from dataflows_sql.load import load_sql

__all__ = ["dump_to_sql", "load_sql"]
