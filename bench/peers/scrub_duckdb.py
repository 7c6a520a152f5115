"""DuckDB as a scrubber: customers that are not on the list, by an anti-join on the lower-cased, trimmed address.

usage: scrub_duckdb.py CUSTOMERS LIST OUTPUT ordered|unordered

Formats follow the files' names. Columns of CSV files are named, so that DuckDB need not look for them. A LIST that
is a database of prepare_duckdb.py holds normalised addresses already. `unordered` lets DuckDB write rows as they
come.
"""

import sys

import duckdb

CUSTOMERS = ["customer_id", "email", "first_name", "last_name", "city", "signed_up"]


def source(path: str, columns: list[str]) -> str:
    if path.endswith(".parquet"):
        return f"read_parquet('{path}')"
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in columns)
    return f"read_csv('{path}', auto_detect = false, header = true, delim = ',', quote = '\"', columns = {{{types}}})"


def main(customers: str, opt_outs: str, output: str, order: str) -> None:
    database = duckdb.connect()
    database.execute(f"SET preserve_insertion_order = {str(order == 'ordered').lower()}")
    if opt_outs.endswith(".duckdb"):
        database.execute(f"ATTACH '{opt_outs}' AS prepared (READ_ONLY)")
        listed, key = "prepared.list", "l.email"
    else:
        listed, key = source(opt_outs, ["email"]), "lower(trim(l.email))"
    form = "FORMAT parquet, COMPRESSION snappy" if output.endswith(".parquet") else "FORMAT csv, HEADER"
    database.execute(f"""
        COPY (
            SELECT c.* FROM {source(customers, CUSTOMERS)} c ANTI JOIN {listed} l ON lower(trim(c.email)) = {key}
        ) TO '{output}' ({form})""")


main(*sys.argv[1:])
