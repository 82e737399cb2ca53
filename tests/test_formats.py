"""Resources that do not speak JSON, over real HTTP: XML both ways with its schema, tables, records checked by a schema."""

import json

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import API, FlowCase
from .http_thread import HttpThread

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="person"><xs:complexType><xs:sequence>
    <xs:element name="name" type="xs:string"/><xs:element name="mail" type="xs:string" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""


class Office(HttpThread):
    """A system of the old kind: lists in XML and CSV, takes XML."""

    def __init__(self):
        self.sent, self.answers = [], {}
        super().__init__()

    def serve(self, asked):
        if asked.method == "GET":
            content_type, raw = self.answers[asked.path.partition("?")[0]]
            return 200, content_type, raw
        self.sent.append((asked.headers["Content-Type"], asked.raw))
        return 200, "text/xml", f"<created><id>{100 + len(self.sent)}</id></created>".encode()


@tagged("post_install", "-at_install")
class TestFormats(FlowCase):
    def setUp(self):
        super().setUp()
        self.office = Office()
        self.addCleanup(self.office.stop)
        self.connection.base_url = self.office.url

    def resource(self, code, operations, **vals):
        return self.make_resource(code, operations, **vals)

    def test_xml_both_ways(self):
        self.office.answers["/people"] = ("text/xml", """<people>
            <person id="1"><name>Ada</name><mail>ada@x.example</mail></person>
            <person id="2"><name>Zoë</name></person></people>""".encode())
        people = self.resource("people", {
            "list": {"path": "people", "records_path": "people.person"},
            "create": {"path": "people", "method": "POST", "record_path": "created", "body_path": "person"},
        }, format="xml", id_path='"@id"', schema_text=XSD, schema_checks="sent",
            format_options=json.dumps({"lists": ["person"]}))
        flow = self.make_flow("res.partner", [
            ("name", "name", {"required": True}), ("email", "mail", {"match_key": True})], people)
        self.run_flow(flow)
        self.assertSyncs(flow, {"1": "synced", "2": "synced"})
        self.assertEqual(
            {key: (partner.name, partner.email) for key, partner in self.records(flow).items()},
            {"1": ("Ada", "ada@x.example"), "2": ("Zoë", False)})

        flow.state = "draft"  # one flow writes these fields at a time
        out = self.make_flow("res.partner", [
            ("name", "name"), ("email", "mail")], people, direction="export",
            create_in_external=True, domain="[('ref', '=like', 'XML%')]")
        people.id_path = "id"
        self.env["res.partner"].create([{"name": "Grace & Co", "ref": "XML"}, {"name": "Linus", "ref": "XML2"}])
        self.env.cr.flush()
        self.run_flow(out)
        self.assertEqual(set(self.states(out).values()), {"synced"}, self.syncs(out).values())
        self.assertIn(("application/xml; charset=utf-8",
                       b"<?xml version='1.0' encoding='utf-8'?>\n<person><name>Grace &amp; Co</name></person>"),
                      self.office.sent)

        sent = len(self.office.sent)
        self.add_rules(out, [("ref", "note")])
        third = self.env["res.partner"].create({"name": "Third", "ref": "XML3"})
        self.env.cr.flush()
        self.run_flow(out)
        sync = self.env["integration.sync"].search([("flow_id", "=", out.id), ("res_id", "=", third.id)])
        self.assertFailed(sync, "schema", "note", "XML Schema")
        self.assertEqual(len(self.office.sent), sent, "what does not fit is not sent")

    def test_a_table_with_one_bad_row(self):
        self.office.answers["/stock.csv"] = (
            "text/csv", b"id;name;mail\r\n1;Ada;ada@x.example\r\n;Nobody;\r\n3;Bob;b@x.example\r\n")
        stock = self.resource(
            "stock", {"list": {"path": "stock.csv"}}, format="csv", format_options='{"delimiter": ";"}')
        flow = self.make_flow("res.partner", [("name", "name"), ("email", "mail", {"match_key": True})], stock)
        self.run_flow(flow)
        states = self.states(flow)
        self.assertEqual((states.pop("1"), states.pop("3")), ("synced", "synced"))
        self.assertEqual(list(states.values()), ["failed"], "the row without an ID stands alone")

    def test_records_that_do_not_fit_their_schema(self):
        self.office.answers["/people"] = ("application/json", json.dumps(
            [{"id": 1, "name": "Ada", "age": "old"}, {"id": 2, "name": "Bob", "age": 7}]).encode())
        people = self.resource(
            "people", {"list": {"path": "people"}}, schema_checks="received",
            schema_text='{"properties": {"age": {"type": "integer"}}}')
        flow = self.make_flow("res.partner", [("name", "name")], people)
        self.run_flow(flow)
        self.assertFailed(self.syncs(flow)["1"], "schema", "age", "'old'")
        self.assertEqual(self.states(flow)["2"], "synced")

    def test_what_cannot_be_saved(self):
        for vals, text in (
            ({"format": "csv", "format_options": '{"separator": ";"}'}, "separator"),
            ({"format": "csv", "format_options": "nonsense"}, "format options"),
            ({"schema_text": '{"type": "nonsense"}'}, "nonsense"),
            ({"format": "xml", "schema_text": "<xs:schema"}, "XML"),
        ):
            with self.subTest(vals=vals), self.refuses(ValidationError, text):
                self.make_resource("bad", {}, api_name=API, **vals)
        with self.refuses(ValidationError, "names and texts"):
            self.make_resource("bad", {"list": {"path": "x", "headers": '{"A": 1}'}})
