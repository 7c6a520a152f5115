//! Finds records and their fields in CSV, NDJSON, Parquet and Arrow, and keeps or drops them.
