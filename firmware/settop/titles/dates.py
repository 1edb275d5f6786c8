"""Dates for people, from Unix time: MicroPython's own clocks begin in other years on other boards."""


def date(unix_ms):
    """YYYY-MM-DD HH:MM of Greenwich."""
    minutes = unix_ms // 60000
    days = minutes // 1440 + 719468  # since the first of March of year 0, with which leap years are at the end of eras
    era, day = divmod(days, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month = month + 3 if month < 10 else month - 9
    year += 400 * era + (1 if month < 3 else 0)
    return "%04d-%02d-%02d %02d:%02d" % (year, month, day + 1, minutes // 60 % 24, minutes % 60)
