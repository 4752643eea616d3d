import sys

from ledger.reader import LedgerError, read_rows
from ledger.report import lines


def main(args):
    if len(args) != 2 or args[0] != "report":
        print("usage: python3 -m ledger report FILE", file=sys.stderr)
        return 2
    try:
        print("\n".join(lines(read_rows(args[1]))))
    except (LedgerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
