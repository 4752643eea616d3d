"""Weeks as ISO 8601 counts them: Monday first, and each in the year that has its Thursday."""
from datetime import date, timedelta

THURSDAY = 3


def first_monday(year):
    """The Monday of week 1, which is the week of January 4."""
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=fourth.weekday())


def week_of(day):
    """`(year, week)` of a date."""
    year = (day + timedelta(days=THURSDAY - day.weekday())).year
    return year, (day - first_monday(year)).days // 7 + 1


def weeks_in(year):
    """52 or 53."""
    return (first_monday(year + 1) - first_monday(year)).days // 7
