import pytest

from integration_flow.core.errors import SyncError
from integration_flow.core.record_schema import check_record, compile_record_schema

SCHEMA = """{
    "type": "object", "required": ["sku"],
    "properties": {"sku": {"type": "string", "maxLength": 5}, "lines": {"items": {"required": ["qty"]}}}
}"""


@pytest.mark.parametrize(("record", "path"), [
    ({"sku": "TOO-LONG"}, "sku"), ({}, "@"), ({"sku": "A", "lines": [{"qty": 1}, {}]}, "lines.1"), ([], "@"),
])
def test_deviations_name_their_place(record, path):
    with pytest.raises(SyncError) as caught:
        check_record(SCHEMA, record)
    assert (caught.value.error_class, caught.value.params["path"]) == ("schema", path)


def test_only_what_changed():
    check_record(SCHEMA, {"lines": []}, partial=True)
    with pytest.raises(SyncError):
        check_record(SCHEMA, {"sku": 7}, partial=True)


@pytest.mark.parametrize("text", ['{"type": "nonsense"}', "{", "[]"])
def test_bad_schemas(text):
    with pytest.raises(SyncError) as caught:
        compile_record_schema(text)
    assert caught.value.code == "bad_schema"


def test_other_documents_are_never_loaded():
    with pytest.raises(SyncError) as caught:
        check_record('{"$ref": "http://127.0.0.1:9/schema.json"}', {})
    assert caught.value.code == "bad_schema"
