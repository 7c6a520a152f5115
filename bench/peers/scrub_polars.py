"""Polars as a scrubber: customers that are not on the list, by an anti-join on the lower-cased, trimmed address.

usage: scrub_polars.py CUSTOMERS LIST OUTPUT streaming|in-memory

Formats follow the files' names; every cell of a CSV file is taken as text. Rows keep their order, which is the
faster way too: Polars then builds its table of the list rather than of the customers.
"""

import sys

import polars as pl


def scan(path: str) -> pl.LazyFrame:
    if path.endswith(".parquet"):
        return pl.scan_parquet(path)
    return pl.scan_csv(path, infer_schema=False)


def main(customers: str, opt_outs: str, output: str, engine: str) -> None:
    key = pl.col("email").str.strip_chars().str.to_lowercase().alias("key")
    kept = (
        scan(customers)
        .with_columns(key)
        .join(scan(opt_outs).select(key), on="key", how="anti", maintain_order="left")
        .drop("key")
    )
    if output.endswith(".parquet"):
        kept.sink_parquet(output, compression="snappy", engine=engine)
    else:
        kept.sink_csv(output, engine=engine)


main(*sys.argv[1:])
