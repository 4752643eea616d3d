"""Reads the export of the spreadsheet."""


class LedgerError(Exception):
    """The file cannot be used; the message says where and why."""


def read_rows(path):
    """Yields one dict per row of the file, by the names in its first line."""
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.strip()]
    if not lines:
        raise LedgerError(f"{path}: the file is empty")
    names = lines[0].split(",")
    for missing in {"date", "customer", "amount"} - set(names):
        raise LedgerError(f"{path}: there is no column {missing}")
    for line in lines[1:]:
        yield dict(zip(names, [field.strip("\"") for field in line.split(",")]))
