"""Reads the export of the spreadsheet."""
import csv


class LedgerError(Exception):
    """The file cannot be used; the message says where and why."""


def read_rows(path):
    """Yields one dict per row of the file, by the names in its first line."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise LedgerError(f"{path}: the file is empty")
    names = rows[0]
    for missing in {"date", "customer", "amount"} - set(names):
        raise LedgerError(f"{path}: there is no column {missing}")
    for row in rows[1:]:
        yield dict(zip(names, row))
