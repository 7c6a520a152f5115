"""Makes of the generated CSV files what the contests need besides: the customers as typed Parquet, as a warehouse
would hand them out, the list as Parquet, and the list as a DuckDB table of normalised addresses.

usage: prepare_duckdb.py DIRECTORY
"""

import os
import sys

import duckdb

os.chdir(sys.argv[1])
database = duckdb.connect("list.duckdb")
database.execute("SET enable_progress_bar = false")
database.execute("""
    COPY (
        SELECT * REPLACE (customer_id::BIGINT AS customer_id, signed_up::DATE AS signed_up)
        FROM read_csv('customers.csv', all_varchar = true)
    ) TO 'customers.parquet' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)""")
database.execute("""
    COPY (FROM read_csv('list.csv', all_varchar = true)) TO 'list.parquet' (FORMAT parquet, COMPRESSION snappy)""")
database.execute("""
    CREATE OR REPLACE TABLE list AS SELECT lower(trim(email)) AS email FROM read_csv('list.csv', all_varchar = true)""")
