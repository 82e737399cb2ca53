"""Many rows in one statement, with as little text between here and PostgreSQL as possible."""

from psycopg2.extras import execute_values

# Rows of one statement: those of a whole slice.
PAGE = 1000


def run(cr, statement: str, columns: tuple, rows: list[tuple], *, fetch: bool = False):
    """Execute ``statement``, in which ``{rows}`` stands for a subquery with ``columns`` and ``{names}`` for their names.

    A column in which all rows agree is sent once and not a thousand times: most of them, in most slices.

    :param columns: pairs of name and SQL type
    """
    if not rows:
        return []
    first = rows[0]
    differing = [number for number in range(len(columns)) if any(row[number] != first[number] for row in rows)] or [0]
    selected = []
    for number, (name, kind) in enumerate(columns):
        if number in differing:
            selected.append(f"given.{name}::{kind}")
        else:
            constant = cr._obj.mogrify("%s", [first[number]]).decode().replace("%", "%%")
            selected.append(f"{constant}::{kind} AS {name}")
    given = ", ".join(columns[number][0] for number in differing)
    statement = statement.replace("{names}", ", ".join(name for name, _kind in columns)).replace(
        "{rows}", f"(SELECT {', '.join(selected)} FROM (VALUES %s) AS given({given}))")
    values = [tuple(row[number] for number in differing) for row in rows]
    return execute_values(cr._obj, statement, values, page_size=PAGE, fetch=fetch)
