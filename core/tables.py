"""CSV as a list of flat records (RFC 4180), both ways."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .documents import utc_text
from .errors import SyncError
from .values import clean_text, text_of

MORE = "#more"
"""Under this name stand the cells of a row beyond the last column of the heading."""
MAX_CELL = 1_000_000
csv.field_size_limit(MAX_CELL)


def parse_csv(
    raw: bytes, *, delimiter: str = ",", quote: str = '"', encoding: str = "utf-8-sig", columns: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One object a row, all values as text; an empty cell is None. Rows without any value are left out.

    A short row lacks values (None), a long one has the rest under ``#more``: one bad row does not stop the others.

    :param columns: the names of the columns where the first line is no heading
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
    reader = csv.reader(io.StringIO(text, newline=""), **_dialect(delimiter, quote), strict=True)
    names, records = list(columns), []
    try:
        for row in reader:
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
    except csv.Error as error:
        raise SyncError(
            "validation", "malformed_csv", params={"line": reader.line_num, "reason": str(error)[:200]}) from None
    return records


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
