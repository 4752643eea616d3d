import os
import tempfile
import unittest

from ledger.reader import LedgerError, read_rows
from ledger.report import lines


def rows_of(text):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        file.write(text)
    try:
        return list(read_rows(file.name))
    finally:
        os.unlink(file.name)


class ReportTest(unittest.TestCase):
    def test_adds_up_by_customer(self):
        rows = rows_of("date,customer,amount\n2026-03-01,Kim,2.50\n2026-03-02,Ada,9.00\n2026-03-03,Kim,1.00\n")
        self.assertEqual(lines(rows), ["      9.00 Ada", "      3.50 Kim"])

    def test_reads_quoted_fields(self):
        rows = rows_of("date,customer,amount\n2026-03-01,\"Meyer, \"\"A\"\" Anna\",7.25\n")
        self.assertEqual(lines(rows), ["      7.25 Meyer, \"A\" Anna"])

    def test_names_a_missing_column(self):
        with self.assertRaisesRegex(LedgerError, "no column amount"):
            rows_of("date,customer\n2026-03-01,Kim\n")


if __name__ == "__main__":
    unittest.main()
