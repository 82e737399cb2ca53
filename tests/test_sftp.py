"""Flows that read and write files, against a real SFTP server with faults."""

import io
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import paramiko

from odoo import fields
from odoo.exceptions import AccessError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine.file_reading import FileFetcher
from odoo.addons.integration_flow.engine.file_writing import FileExporter
from odoo.addons.integration_flow.sandbox.files import PASSWORD, USER, FileServer

from .common import FlowCase
from .test_retention import RetentionTools

HEAD = "email;name;city\n"


class Died(BaseException):
    """What a worker does that is killed: nothing more."""


class FileCase(FlowCase):
    def setUp(self):
        super().setUp()
        self.files = FileServer()
        self.addCleanup(self.files.stop)
        self.link = self.env["integration.connection"].create({
            "name": "Files of the Partner", "api_name": "Files", "base_url": self.files.url, "auth_type": "basic",
            "auth_user": USER, "auth_secret_input": PASSWORD, "timeout_connect": 2, "timeout_read": 3,
            "host_key": self.files.fingerprint})

    def make_file_flow(self, operations, rules, *, resource=None, **vals):
        resource = self.env["integration.resource"].create({
            "name": "Contact", "code": "contact", "api_name": "Files", "id_path": "email", "format": "csv",
            "format_options": '{"delimiter": ";"}', **(resource or {})})
        for kind, values in operations:
            self.env["integration.operation"].create({"resource_id": resource.id, "kind": kind, **values})
        flow = self.env["integration.flow"].create({
            "name": "Contacts by file", "connection_id": self.link.id, "resource_id": resource.id,
            "model_id": self.env["ir.model"]._get_id("res.partner"), "timing": "manual", "tz": "UTC", "retry_jitter": 0,
            **vals})
        self.add_rules(flow, rules)
        flow.state = "test"
        return flow

    def reading(self, *, path="in/contacts-*.csv", done="", **vals):
        return self.make_file_flow(
            [("list", {"path": path, "paging_style": "files", "done_folder": done})],
            [("name", "name", {"required": True}), ("email", "email", {"match_key": True}), ("city", "city")],
            direction="import", **vals)

    def writing(self, *, limit=100, **vals):
        put = {"method": "PUT", "path": "out/contacts-{date}-{number}.csv", "send": "all", "bulk": True, "bulk_limit": limit,
               "idempotent": True}
        (self.files.root / "out").mkdir()
        return self.make_file_flow(
            [("create", put), ("update", put)],
            [("id", "key", {"owner": "odoo"}), ("name", "name", {"owner": "odoo"}), ("city", "city", {"owner": "odoo"})],
            direction="export", timing="manual", create_in_external=True, domain="[('ref', '=', 'BY-FILE')]",
            resource={"id_path": "key"}, **vals)

    def noted(self, flow):
        return {file.name: file for file in self.env["integration.file"].search([("flow_id", "=", flow.id)], order="id")}

    def cities(self):
        return {partner.email: partner.city for partner in self.env["res.partner"].search([("email", "like", "@files")])}

    def problems(self, flow):
        return [f"{sync.state}: {sync.error_message}" for sync in self.env["integration.sync"].search(
            [("flow_id", "=", flow.id), ("state", "not in", ("synced", "excluded"))])]


@tagged("post_install", "-at_install")
class TestReadingFiles(FileCase):

    def test_each_file_is_read_once(self):
        flow = self.reading()
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Bonn\nb@files;B;Ulm\n", modified=1000)
        self.files.put("in/other.csv", HEAD + "x@files;X;Y\n")
        run = self.run_flow(flow)
        self.assertEqual(self.cities(), {"a@files": "Bonn", "b@files": "Ulm"})
        self.assertEqual((run.state, run.read_count, run.created_count), ("done", 2, 2))
        self.assertEqual([(file.name, file.state, file.record_count, file.size) for file in self.noted(flow).values()],
                         [("contacts-1.csv", "read", 2, 45)])
        again = self.run_flow(flow)
        self.assertEqual((again.state, again.read_count or 0), ("done", 0), "it stays there and is known")
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Köln\n", modified=2000)
        self.files.put("in/contacts-2.csv", HEAD + "a@files;A;Trier\n", modified=3000)
        self.assertEqual(self.run_flow(flow).read_count, 2, "a newer version and a new file, the older one first")
        self.assertEqual(self.cities()["a@files"], "Trier")
        exchanges = self.env["integration.exchange"].search(
            self.noted(flow)["contacts-2.csv"].action_open_exchanges()["domain"])
        self.assertIn("Trier", exchanges.response_body)

    def test_a_broken_row_and_a_broken_file_stop_nothing(self):
        flow = self.reading()
        self.files.put("in/contacts-1.csv", HEAD + 'a@files;A;Bonn\n"b@files"x;B;Ulm\nc@files;C;"Jena\nd@files;D;Gera\n')
        self.files.put("in/contacts-2.csv", b"email;name;city\ne@files;\xff\xfe;Hof\n", modified=5)
        self.files.put("in/contacts-3.csv", HEAD + "f@files;F;Kiel\n")
        run = self.run_flow(flow)
        self.assertEqual(set(self.cities()), {"a@files", "d@files", "f@files"})
        texts = " ".join(self.problems(flow))
        self.assertIn("Line 3 of the file", texts)
        self.assertIn("Line 4 of the file", texts)
        failed = self.noted(flow)["contacts-2.csv"]
        self.assertEqual((failed.state, run.state), ("failed", "done"))
        self.assertIn("encoding", failed.error_message)
        self.assertIn("contacts-2.csv", run.message)
        issues = self.env["integration.issue"].search([
            ("flow_id", "=", flow.id), ("error_code", "=", "files_failed"), ("state", "=", "open")])
        self.assertIn("contacts-2.csv", issues.message)
        self.files.put("in/contacts-2.csv", HEAD + "e@files;E;Hof\n")
        self.run_flow(flow)
        self.assertEqual(self.cities()["e@files"], "Hof")
        self.assertEqual(failed.state, "gone", "a corrected file takes its place")
        self.assertEqual(issues.state, "resolved")

    def test_read_files_are_moved(self):
        flow = self.reading(done="done")
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Bonn\n")
        self.files.put("in/contacts-2.csv", HEAD + "b@files;B;Ulm\n")
        self.run_flow(flow)
        self.assertEqual(self.files.names("in"), ["done"])
        self.assertEqual(self.files.names("in/done"), ["contacts-1.csv", "contacts-2.csv"])
        self.assertEqual([file.moved_to for file in self.noted(flow).values()], ["done", "done"])

    def test_a_worker_that_dies_reads_no_file_twice(self):
        flow = self.reading(done="done")
        for number in range(3):
            self.files.put(f"in/contacts-{number}.csv", HEAD + f"{number}@files;N;Bonn\n", modified=1000 + number)
        flow._open_run("button")
        request = FileFetcher.request

        def die_before_the_move(fetcher, now):
            following = request(fetcher, now)
            if following.method == "MOVE":
                raise Died
            return following

        with patch.object(FileFetcher, "request", die_before_the_move), suppress(Died):
            self.work(self.link)
        self.env.invalidate_all()
        self.assertEqual([file.state for file in self.noted(flow).values()], ["read", "new", "new"])
        self.work(self.link)
        self.assertEqual(self.files.names("in"), ["done"])
        reads = self.env["integration.exchange"].search([("flow_id", "=", flow.id), ("method", "=", "GET")])
        self.assertEqual(len(reads), 3)

    def test_json_and_xml_files(self):
        flow = self.reading(path="in/*.json", done="")
        flow.resource_id.write({"format": "json", "format_options": False})
        self.files.put("in/one.json", json.dumps({"email": "a@files", "name": "A", "city": "Bonn"}))
        self.files.put("in/two.json", json.dumps([{"email": "b@files", "name": "B", "city": "Ulm"}]))
        self.run_flow(flow)
        flow.resource_id.write({"format": "xml"})
        flow.resource_id.operation_ids.write({"path": "in/*.xml", "records_path": "contacts.contact"})
        self.files.put("in/three.xml", "<contacts><contact><email>c@files</email><name>C</name><city>Jena</city></contact>"
                                       "<contact><email>d@files</email><name>D</name><city>Gera</city></contact></contacts>")
        self.run_flow(flow)
        self.assertEqual(self.problems(flow), [])
        self.assertEqual(self.cities(), {"a@files": "Bonn", "b@files": "Ulm", "c@files": "Jena", "d@files": "Gera"})

    def test_a_cut_transfer_is_read_again(self):
        flow = self.reading()
        self.files.put("in/contacts-1.csv", HEAD + "".join(f"{number}@files;N;Bonn\n" for number in range(5000)))
        self.files.fault("cut", after=60_000, times=100)
        run = self.run_flow(flow)
        self.files.clear_faults()
        self.assertEqual((run.state, run.fetching), ("open", True), run.message)
        self.make_due(flow)
        self.work(self.link)
        self.assertEqual((run.state, run.read_count), ("done", 5000))


@tagged("post_install", "-at_install")
class TestKnownFiles(RetentionTools, FileCase):

    def test_files_in_their_folder_stay_known(self):
        self.flow = self.reading()

        def note(name, days, direction, state, **vals):
            return self.env["integration.file"].create({
                "flow_id": self.flow.id, "connection_id": self.link.id, "name": name, "direction": direction, "state": state,
                "create_date": self.ago(days), "seen_at": self.ago(days), **vals})

        gone = note("gone", 100, "in", "read") + note("told", 100, "out", "sent", number=1)
        kept = note("there", 100, "in", "read", in_folder=True) + note("lately", 10, "in", "read") + note(
            "open", 100, "out", "open", number=2) + note("new", 10, "out", "sent", number=3)
        self.purge()
        self.assertEqual((gone.exists(), kept.exists()), (gone.browse(), kept))

    def test_a_file_is_read_again_when_a_manager_says_so(self):
        flow = self.reading()
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Bonn\n")
        run = self.run_flow(flow)
        file = self.noted(flow)["contacts-1.csv"]
        with self.assertRaises(AccessError):
            file.with_user(self.make_user("file_user", "integration_flow.group_integration_user")).action_read_again()
        manager = self.make_user("file_manager", "integration_flow.group_integration_manager")
        file.with_user(manager).action_read_again()
        self.work(self.link)
        again = self.env["integration.run"].search([("flow_id", "=", flow.id), ("id", ">", run.id)])
        self.assertEqual((file.state, again.read_count, again.unchanged_count), ("read", 1, 1))


@tagged("post_install", "-at_install")
class TestWritingFiles(FileCase):

    def setUp(self):
        super().setUp()
        self.partners = self.env["res.partner"].create([
            {"name": f"Partner {number}", "ref": "BY-FILE", "city": "Bonn"} for number in range(5)])

    def rows(self, name):
        return self.files.read(f"out/{name}").decode().splitlines()[1:]

    def export(self, flow):
        flow._capture_all()
        return self.run_flow(flow)

    def test_records_leave_as_numbered_files(self):
        flow = self.writing(limit=3)
        self.export(flow)
        self.assertEqual(self.problems(flow), [])
        first, second = self.files.names("out")
        self.assertRegex(first, r"^contacts-\d{8}-000001\.csv$")
        self.assertRegex(second, r"^contacts-\d{8}-000002\.csv$")
        self.assertEqual((len(self.rows(first)), len(self.rows(second))), (3, 2))
        self.partners[1].city = "Ulm"
        self.export(flow)
        third = self.files.names("out")[2]
        self.assertEqual(self.rows(third), [f"{self.partners[1].id};Partner 1;Ulm"], "what changed, whole")
        files = self.noted(flow)
        self.assertEqual([(file.state, file.number, file.record_count) for file in files.values()],
                         [("sent", 1, 3), ("sent", 2, 2), ("sent", 3, 1)])
        self.assertTrue(files[third].checksum and files[third].size)
        self.export(flow)
        self.assertEqual(len(self.files.names("out")), 3, "nothing changed, nothing leaves")

    def test_a_worker_that_dies_writes_no_second_file(self):
        """It dies after the file has arrived; meanwhile one record changes in Odoo."""
        flow = self.writing()
        flow._capture_all()
        with patch.object(FileExporter, "record_links", side_effect=Died), suppress(Died):
            self.run_flow(flow)
        self.env.invalidate_all()
        [name] = self.files.names("out")
        self.assertEqual(self.noted(flow)[name].state, "open")
        self.partners[2].city = "Ulm"
        self.work(self.link)
        self.make_due(flow)
        self.work(self.link)
        self.assertEqual(self.problems(flow), [])
        names = self.files.names("out")
        self.assertEqual(len(names), 2, "the first was not written again, the change follows")
        self.assertEqual(len(self.rows(names[0])), 5)
        self.assertEqual(self.rows(names[1]), [f"{self.partners[2].id};Partner 2;Ulm"])
        self.assertEqual([file.state for file in self.noted(flow).values()], ["sent", "sent"])

    def test_a_worker_that_dies_before_the_file_arrived(self):
        flow = self.writing()
        flow._capture_all()
        with patch.object(FileExporter, "send", side_effect=Died), suppress(Died):
            self.run_flow(flow)
        self.env.invalidate_all()
        self.assertEqual(self.files.names("out"), [])
        self.work(self.link)
        self.assertEqual(self.problems(flow), [])
        [name] = self.files.names("out")
        self.assertEqual((len(self.rows(name)), self.noted(flow)[name].number), (5, 1))

    def test_a_full_disk_leaves_no_half_file(self):
        flow = self.writing()
        self.files.fault("disk_full", after=20)
        self.export(flow)
        self.assertEqual(self.files.names("out"), [])
        self.assertEqual({problem.split(":")[0] for problem in self.problems(flow)}, {"waiting"})
        self.make_due(flow)
        self.work(self.link)
        [name] = self.files.names("out")
        self.assertEqual((self.problems(flow), len(self.rows(name))), ([], 5))
        self.assertEqual([file.number for file in self.noted(flow).values()], [1], "the same file, later")

    def test_rows_of_a_file_that_come_back_one_after_the_other(self):
        """The first one delivers the whole file; the others hear of it and go into no second one."""
        flow = self.writing()
        self.files.fault("disk_full", after=20)
        self.export(flow)
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)], order="id")
        now = fields.Datetime.now()
        syncs.due_at = now + timedelta(hours=1)
        syncs[0].due_at = now - timedelta(minutes=1)
        self.work(self.link)
        [name] = self.files.names("out")
        self.assertEqual((len(self.rows(name)), syncs[0].state, self.noted(flow)[name].state), (5, "synced", "open"))
        self.make_due(flow)
        self.work(self.link)
        self.assertEqual((self.problems(flow), self.files.names("out")), ([], [name]))
        self.assertEqual(self.noted(flow)[name].state, "sent")

    def test_a_value_that_no_file_can_hold_stops_its_record_alone(self):
        flow = self.writing()
        flow.resource_id.format_options = '{"delimiter": ";", "encoding": "cp1252"}'
        self.partners[3].city = "Łódź"
        self.export(flow)
        [name] = self.files.names("out")
        self.assertEqual(len(self.rows(name)), 4)
        [problem] = self.problems(flow)
        self.assertIn("cp1252", problem)

    def test_somebody_elses_file_stays(self):
        flow = self.writing()
        flow.resource_id.operation_ids.path = "out/contacts-{number}.csv"
        self.files.put("out/contacts-000001.csv", "theirs")
        self.export(flow)
        self.assertEqual(self.files.read("out/contacts-000001.csv"), b"theirs")
        self.assertIn("There is another file called", self.problems(flow)[0])
        self.press(self.env["integration.sync"].search([("flow_id", "=", flow.id)]).action_retry)
        self.work(self.link)
        self.assertEqual(self.problems(flow), [])
        self.assertEqual(len(self.rows("contacts-000002.csv")), 5, "the next attempt has the next number")


@tagged("post_install", "-at_install")
class TestFileConnection(FileCase):

    def test_the_server_is_accepted_once_by_a_person(self):
        self.link.host_key = False
        flow = self.reading()
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Bonn\n")
        self.press(self.link.action_test)
        self.assertFalse(self.link.test_ok)
        self.assertIn(self.files.fingerprint, self.link.test_result)
        self.assertEqual((self.link.host_key_offered, self.files.logins), (self.files.fingerprint, 0))
        self.run_flow(flow)
        self.assertEqual((self.cities(), self.link.pause_cause), ({}, "credentials"), "nothing is read from a stranger")
        manager = self.make_user("file_manager", "integration_flow.group_integration_manager")
        with self.assertRaises(AccessError):
            self.link.with_user(manager).action_accept_host_key()
        admin = self.make_user("file_admin", "integration_flow.group_integration_secrets")
        self.link.test_path = "in"
        self.link.with_user(admin).action_accept_host_key()
        self.press(self.link.with_user(admin).action_test)
        self.assertTrue(self.link.test_ok, self.link.test_result)
        self.assertEqual((self.link.host_key, self.link.paused), (self.files.fingerprint, False))
        self.make_due(flow)
        self.work(self.link)
        self.assertEqual(self.cities(), {"a@files": "Bonn"})

    def test_another_key_stops_everything(self):
        flow = self.reading()
        self.files.restart(host_key=paramiko.ECDSAKey.generate())
        self.run_flow(flow)
        self.assertEqual((self.link.pause_cause, self.files.logins), ("credentials", 0))
        self.assertIn("another key", self.link.pause_reason)

    def test_the_private_key_goes_in_and_never_out(self):
        key, stream = paramiko.ECDSAKey.generate(), io.StringIO()
        key.write_private_key(stream)
        self.files.accept_key(key)
        self.link.write({"auth_type": "private_key", "private_key_input": stream.getvalue()})
        self.press(self.link.action_test)
        self.assertTrue(self.link.test_ok, self.link.test_result)
        admin = self.make_user("file_admin", "integration_flow.group_integration_secrets")
        read = self.link.with_user(admin).read()[0]
        self.assertNotIn(stream.getvalue().splitlines()[1], str(read))
        self.assertFalse(read["private_key_input"])
        manager = self.make_user("file_manager", "integration_flow.group_integration_manager")
        with self.assertRaises(AccessError):
            self.link.with_user(manager).host_key = "ssh-ed25519 SHA256:mine"
        with self.assertRaises(AccessError):
            self.link.with_user(manager).private_key_input = "another"

    def test_a_missing_library_is_told(self):
        with patch.dict("sys.modules", {"paramiko": None}):
            self.press(self.link.action_test)
        self.assertIn("“paramiko”, which is not installed", self.link.test_result)

    def test_a_copied_database_reaches_nobody(self):
        flow = self.reading()
        with mute_logger("odoo.modules.neutralize"):
            neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertFalse(self.link._auth_secret() or self.link.host_key or self.link._over_sftp())
        self.assertTrue(self.link.paused)
        self.files.put("in/contacts-1.csv", HEAD + "a@files;A;Bonn\n")
        flow._open_run("schedule")
        self.work(self.link)
        self.assertEqual((self.files.logins, self.cities()), (0, {}))

    def test_the_package_is_declared_as_optional(self):
        root = Path(__file__).parent.parent
        self.assertIn("paramiko", (root / "requirements-optional.txt").read_text())
        manifest = (root / "__manifest__.py").read_text()
        self.assertNotIn("paramiko", manifest)
