"""IDs of documents and lines in one text."""

from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.line_ids import documents_of, split

IDS = st.text(alphabet="a1:/", min_size=1, max_size=12)


@given(IDS, IDS, st.sets(IDS, max_size=3))
def test_a_known_document_is_found(document, line, others):
    whole = f"{document}/{line}"
    assert document in documents_of(whole)
    found = split(whole, {document, *others})
    assert "/".join(found) == whole
    assert found == (document, line) or len(found[0]) > len(document) and found[0] in others


@given(IDS, st.text(alphabet="a1:", min_size=1, max_size=5))
def test_without_slashes_in_the_line_nothing_need_be_known(document, line):
    assert split(f"{document}/{line}") == (document, line)
