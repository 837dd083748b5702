"""Numbers of things in words."""


def counted(number: int, one: str) -> str:
    """Return a number and what it counts, in the plural where there are more.

    Examples
    --------
    >>> counted(1, "pass"), counted(20_000, "pass"), counted(3, "step")
    ('1 pass', '20,000 passes', '3 steps')
    """
    return f"{number:,} {one}" + ("" if number == 1 else "es" if one.endswith("s") else "s")
