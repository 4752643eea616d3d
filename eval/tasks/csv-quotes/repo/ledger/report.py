"""What each customer paid."""
from decimal import Decimal


def totals(rows):
    """Sums by customer, largest first; equal ones by name."""
    sums = {}
    for row in rows:
        customer = row["customer"]
        sums[customer] = sums.get(customer, Decimal(0)) + Decimal(row["amount"])
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def lines(rows):
    """The report as text lines."""
    return [f"{amount:>10} {customer}" for customer, amount in totals(rows)]
