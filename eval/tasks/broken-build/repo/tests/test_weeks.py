import unittest
from datetime import date

from calendar_weeks.weeks import week_of, weeks_in


class WeeksTest(unittest.TestCase):
    def test_a_day_in_summer(self):
        self.assertEqual(week_of(date(2024, 7, 1)), (2024, 27))

    def test_january_may_belong_to_the_year_before(self):
        self.assertEqual(week_of(date(2027, 1, 1)), (2026, 53))

    def test_december_may_belong_to_the_year_after(self):
        self.assertEqual(week_of(date(2024, 12, 30)), (2025, 1))

    def test_long_years(self):
        self.assertEqual([year for year in range(2015, 2027) if weeks_in(year) == 53], [2015, 2020, 2026])
