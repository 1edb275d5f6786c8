"""State tables: rows of constants, which a board keeps in its flash. A dictionary would take kilobytes."""


def row_of(table, state, event):
    """The row that begins with this state and event, or None."""
    for row in table:
        if row[0] == state and row[1] == event:
            return row
    return None
