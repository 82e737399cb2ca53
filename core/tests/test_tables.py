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
