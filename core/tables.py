"""CSV as a list of flat records (RFC 4180), both ways."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from .documents import utc_text
from .errors import SyncError
from .values import clean_text, text_of

MORE = "#more"
"""Under this name stand the cells of a row beyond the last column of the heading."""
BROKEN = "#broken"
"""A row that cannot be read is a record with nothing but this name: {"line", "reason"}; see ``parse_csv``."""
MOST_BROKEN = 100
"""A file with more broken rows than this is no table."""
MAX_CELL = 1_000_000
csv.field_size_limit(MAX_CELL)


def parse_csv(
    raw: bytes, *, delimiter: str = ",", quote: str = '"', encoding: str = "utf-8-sig", columns: Sequence[str] = (),
    keep_broken: bool = False,
) -> list[dict[str, Any]]:
    """One object a row, all values as text; an empty cell is None. Rows without any value are left out.

    A short row lacks values (None), a long one has the rest under ``#more``: one bad row does not stop the others.

    :param columns: the names of the columns where the first line is no heading
    :param keep_broken: a row that cannot be read becomes ``{"#broken": {"line", "reason"}}``, and reading goes on with the
        line after the one in which it began
    :raises SyncError: mapping/bad_table_option (option, value); validation/malformed_csv (line, reason),
        wrong_encoding (encoding)

    >>> parse_csv(b'sku;qty\\nA-1;"1;5"\\n\\nB;\\n', delimiter=";")
    [{'sku': 'A-1', 'qty': '1;5'}, {'sku': 'B', 'qty': None}]
    >>> parse_csv(b"A-1,3", columns=("sku", "qty"))
    [{'sku': 'A-1', 'qty': '3'}]
    """
    try:
        text = raw.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError:
        raise SyncError("mapping", "bad_table_option", params={"option": "encoding", "value": encoding}) from None
    except UnicodeDecodeError:
        raise SyncError("validation", "wrong_encoding", params={"encoding": encoding}) from None
    dialect = _dialect(delimiter, quote)
    reader = csv.reader(io.StringIO(text, newline=""), **dialect, strict=True)
    try:
        return _records(reader, list(columns))
    except csv.Error as error:
        if keep_broken:
            return _records(_rows_that_can_be_read(text, dialect), list(columns))
        raise _malformed(reader.line_num, error) from None


def _records(rows: Iterator[list[str] | dict], names: list[str]) -> list[dict[str, Any]]:
    records = []
    for row in rows:
        if isinstance(row, dict):
            if not names:  # without its heading nobody can say what stands in which column
                raise _malformed(row[BROKEN]["line"], row[BROKEN]["reason"])
            records.append(row)
            continue
        if not any(cell.strip() for cell in row):
            continue
        if not names:
            names = [cell.strip() for cell in row]
            _check_heading(names)
            continue
        cells = [cell or None for cell in row]
        record: dict[str, Any] = dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=False))
        if len(cells) > len(names):
            record[MORE] = cells[len(names):]
        records.append(record)
    return records


class _Lines:
    """The physical lines of a text, that can be read again from any of them."""

    def __init__(self, text: str) -> None:
        self._lines = list(io.StringIO(text, newline=""))
        self.position = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.position >= len(self._lines):
            raise StopIteration
        self.position += 1
        return self._lines[self.position - 1]


def _rows_that_can_be_read(text: str, dialect: dict[str, Any]) -> Iterator[list[str] | dict]:
    """All rows, and for those that cannot be read what is wrong with them.

    A quote that is never closed swallows the lines behind it: they are read again by themselves. What might be a piece of a
    longer cell there counts only if it has as many cells as the first row.
    """
    lines = _Lines(text)
    width = broken = suspect = 0
    while True:
        start = lines.position
        try:
            row = next(csv.reader(lines, **dialect, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            problem = str(error)
            suspect = max(suspect, lines.position)
            lines.position = start + 1
        else:
            width = width or len(row)
            if start >= suspect or len(row) in (0, width):
                yield row
                continue
            problem = f"{len(row)} cells instead of {width}"
        broken += 1
        if broken > MOST_BROKEN:
            raise _malformed(start + 1, problem)
        yield {BROKEN: {"line": start + 1, "reason": problem[:200]}}


def _malformed(line: int, reason: Exception | str) -> SyncError:
    return SyncError("validation", "malformed_csv", params={"line": line, "reason": str(reason)[:200]})


def _check_heading(names: list[str]) -> None:
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise SyncError("validation", "malformed_csv", params={
            "line": 1, "reason": f"two columns are called '{twice[:80]}'"})


def _dialect(delimiter: str, quote: str) -> dict[str, Any]:
    for option, value in (("delimiter", delimiter), ("quote", quote)):
        if len(value) != 1 or value in "\r\n":
            raise SyncError("mapping", "bad_table_option", params={"option": option, "value": value[:20]})
    return {"delimiter": delimiter, "quotechar": quote}


def dump_csv(
    records: Any, *, delimiter: str = ",", quote: str = '"', encoding: str = "utf-8", columns: Sequence[str] = (),
    heading: bool = True
) -> bytes:
    """The rows of ``records`` (a list of flat objects, or one), with a heading.

    :param columns: names and order of the columns; none = as the records come, in the order of their appearance
    :raises SyncError: mapping/not_flat (column, type), bad_table_option (option, value), wrong_encoding (encoding)

    >>> dump_csv([{"sku": "A", "qty": 1.5}, {"sku": "B;C", "note": None}], delimiter=";")
    b'sku;qty;note\\r\\nA;1.5;\\r\\n"B;C";;\\r\\n'
    """
    rows = records if isinstance(records, list) else [records]
    if any(not isinstance(row, dict) for row in rows):
        raise SyncError("mapping", "not_flat", params={"column": "", "type": "list"})
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, **_dialect(delimiter, quote), lineterminator="\r\n")
    if heading:
        writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(name, row.get(name)) for name in names])
    try:
        return stream.getvalue().encode(encoding)
    except LookupError:
        raise SyncError("mapping", "bad_table_option", params={"option": "encoding", "value": encoding}) from None
    except UnicodeEncodeError:
        raise SyncError("mapping", "wrong_encoding", params={"encoding": encoding}) from None


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    text = utc_text(value) if isinstance(value, datetime) else text_of(value)
    if text is None:
        raise SyncError("mapping", "not_flat", params={"column": str(name)[:80], "type": type(value).__name__})
    return clean_text(text)
