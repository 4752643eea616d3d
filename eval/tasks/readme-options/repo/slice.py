#!/usr/bin/env python3
"""Takes columns out of a file of separated values."""
import argparse
import sys

NO_SUCH_COLUMN = 3


def main(argv):
    parser = argparse.ArgumentParser(prog="slice.py", description=__doc__)
    parser.add_argument("file", help="the file to read")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N columns (default: all)")
    parser.add_argument("--column", action="append", metavar="NAME", help="only this column; may be repeated")
    parser.add_argument("--separator", default=",", metavar="TEXT", help="what stands between values (default: a comma)")
    parser.add_argument("--header", action="store_true", help="print the names of the columns first")
    options = parser.parse_args(argv)
    try:
        with open(options.file, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(options.separator) for line in file]
    except OSError as error:
        print(f"slice.py: {error}", file=sys.stderr)
        return 1
    names = rows[0] if rows else []
    wanted = list(range(len(names)))
    if options.column:
        unknown = [name for name in options.column if name not in names]
        if unknown:
            print(f"slice.py: no column {unknown[0]}", file=sys.stderr)
            return NO_SUCH_COLUMN
        wanted = [names.index(name) for name in options.column]
    if options.first is not None:
        wanted = wanted[: options.first]
    for row in rows if options.header else rows[1:]:
        print(options.separator.join(row[index] for index in wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
