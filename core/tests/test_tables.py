import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.tables import dump_csv, parse_csv

CELLS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=10).map(lambda text: text or None)
ROWS = st.lists(st.fixed_dictionaries({"sku": CELLS.filter(lambda cell: cell and cell.strip()), "a;b": CELLS, "c": CELLS}),
                max_size=5)


@given(ROWS, st.sampled_from([",", ";", "\t", "|"]))
def test_round_trip(rows, delimiter):
    raw = dump_csv(rows, delimiter=delimiter, columns=["sku", "a;b", "c"])
    assert parse_csv(raw, delimiter=delimiter) == rows


def test_short_and_long_rows_keep_their_neighbours():
    assert parse_csv(b"a,b\n1\n1,2,3,4\n5,6\n") == [
        {"a": "1", "b": None}, {"a": "1", "b": "2", "#more": ["3", "4"]}, {"a": "5", "b": "6"}]


def test_line_ends_in_cells_and_other_encodings():
    assert parse_csv('n\n"Zo\xeb\nB"\n'.encode("cp1252"), encoding="cp1252") == [{"n": "Zo\xeb\nB"}]
    assert parse_csv(b"\xef\xbb\xbfn\n1\n") == [{"n": "1"}]
    assert dump_csv([{"n": "Zo\xeb"}], encoding="cp1252", heading=False) == b"Zo\xeb\r\n"


@pytest.mark.parametrize(("call", "code"), [
    (lambda: parse_csv(b"a,a\n1,2"), "malformed_csv"),
    (lambda: parse_csv(b'a\n"1'), "malformed_csv"),
    (lambda: parse_csv(b"\xff\xff"), "wrong_encoding"),
    (lambda: parse_csv(b"a", encoding="nonsense"), "bad_table_option"),
    (lambda: parse_csv(b"a", delimiter=";;"), "bad_table_option"),
    (lambda: dump_csv([{"a": {"b": 1}}]), "not_flat"),
    (lambda: dump_csv([[1]]), "not_flat"),
    (lambda: dump_csv([{"a": "\u0142"}], encoding="latin-1"), "wrong_encoding"),
    (lambda: dump_csv([], encoding="nonsense"), "bad_table_option"),
], ids=["two columns of one name", "open quote", "bytes", "encoding", "delimiter", "object", "list", "letter", "unknown"])
def test_errors(call, code):
    with pytest.raises(SyncError) as caught:
        call()
    assert caught.value.code == code


BROKEN_IN_THE_MIDDLE = b'sku,qty\nA,1\n"B"x,2\nC,3\n"D,4\nE,5\n"F",6\n'


def test_a_broken_row_does_not_lose_the_others():
    """One row with a letter behind its quotes, one with a quote that is never closed and swallows two good rows."""
    rows = parse_csv(BROKEN_IN_THE_MIDDLE, keep_broken=True)
    assert [row.get("sku") or row["#broken"]["line"] for row in rows] == ["A", 3, "C", 5, "E", "F"]
    with pytest.raises(SyncError) as caught:
        parse_csv(BROKEN_IN_THE_MIDDLE)
    assert caught.value.code == "malformed_csv"


def test_pieces_of_a_broken_cell_are_no_rows():
    rows = parse_csv(b'sku,note\nA,"one\ntwo\nthree"x\nB,2\n', keep_broken=True)
    assert [row.get("sku") or row["#broken"]["line"] for row in rows] == [2, 3, 4, "B"]


def test_what_is_broken_everywhere_is_no_table():
    with pytest.raises(SyncError) as caught:
        parse_csv(b"a,b\n" + b'"x"y,1\n' * 200, keep_broken=True)
    assert (caught.value.code, caught.value.params["line"]) == ("malformed_csv", 102)


def test_a_broken_heading_is_no_table():
    """Else the first row would be taken for the heading, and all others would stand under its values."""
    with pytest.raises(SyncError) as caught:
        parse_csv(b'"id","na"me"\n1,Bob\n2,Al\n', keep_broken=True)
    assert (caught.value.code, caught.value.params["line"]) == ("malformed_csv", 1)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=8))
def test_whole_tables_are_read_alike(cells):
    raw = dump_csv([{"a": one, "b": two} for one, two in cells])
    assert parse_csv(raw, keep_broken=True) == parse_csv(raw)
