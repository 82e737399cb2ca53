"""Bad input: a clear error on the right record, or on the run when it is about the page; the rest lands."""

from odoo.tests import tagged

from .common import PAGED, FlowCase


@tagged("post_install", "-at_install")
class TestBadPages(FlowCase):
    """What is wrong with an answer as a whole is told on the run, in words that a clerk understands."""

    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("res.partner", [("name", "first_name"), ("email", "email")], self.make_resource(
            "customers", {"list": {"path": "customers", **PAGED, "page_size": 10}}))
        self.put_customers(*({"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com"}
                             for number in range(1, 26)))

    def last_run(self):
        """The latest run that was to read: the one for live changes counts what comes later."""
        return self.flow.run_ids.filtered(lambda run: run.trigger != "live")[0]

    def assertRunFailed(self, *pieces, pages=1, kept=10):
        """The run tells what is wrong and what to do; the pages before are imported."""
        run = self.last_run()
        for piece in pieces:
            self.assertIn(piece, run.message)
        self.assertEqual((run.state, run.page_count, len(self.records(self.flow))), ("failed", pages, kept), run.message)
        self.assertFalse(run.fetching)
        self.assertFalse(self.flow.watermark)
        exchanges = self.env["integration.exchange"].search([("run_id", "=", run.id), ("error_class", "!=", False)])
        self.assertTrue(exchanges, "the answer can be looked at")
        self.shop.clear_faults()
        self.make_due(self.flow)
        self.assertEqual(self.run_flow(self.flow).state, "done")
        self.assertEqual(len(self.records(self.flow)), 25, "the next run reads it all")

    def fail_on_page_two(self, kind, **options):
        self.shop.fault(kind, path="page=2", times=None, **options)
        return self.run_flow(self.flow)

    def until_given_up(self):
        self.connection._close_circuit()
        self.connection.circuit_threshold = 0  # else it would be taken for an outage, and wait for its end
        for _try in range(10):
            if self.last_run().state == "failed":
                return
            self.make_due(self.flow)
            self.work()

    def test_malformed_json(self):
        self.fail_on_page_two("malformed_json")
        self.until_given_up()
        self.assertRunFailed("cannot be read", "line 1")

    def test_truncated_json(self):
        self.fail_on_page_two("truncated_json")
        self.until_given_up()
        self.assertRunFailed("cannot be read")

    def test_html_with_200(self):
        self.fail_on_page_two("html")
        self.until_given_up()
        self.assertRunFailed("a page", "maintenance")

    def test_ten_megabytes(self):
        self.connection.max_response_mb = 1
        self.fail_on_page_two("oversize", bytes=2 * 1024 * 1024)
        self.assertRunFailed("too large", "1048576", "smaller pages")

    def test_ten_megabytes_that_are_allowed(self):
        self.shop.fault("oversize", path="page=2", bytes=9 * 1024 * 1024)
        self.assertEqual(self.run_flow(self.flow).state, "done")
        self.assertEqual(len(self.records(self.flow)), 25)

    def test_sent_elsewhere(self):
        self.fail_on_page_two("redirect")
        self.assertRunFailed("127.0.0.2", "not followed", "address of the connection")

    def test_the_base_address_redirects_elsewhere(self):
        self.shop.fault("redirect", times=None)
        self.run_flow(self.flow)
        self.assertRunFailed("127.0.0.2", pages=0, kept=0)

    def test_an_error_inside_a_200(self):
        self.fail_on_page_two("error_200", message="Order 7 is locked by 'Anna'", code="LOCKED")
        self.assertRunFailed("Order 7 is locked by 'Anna'")

    def test_an_error_inside_a_200_with_a_success_rule(self):
        self.flow.resource_id.operation_ids.success_path = "type(body) == 'array'"
        self.fail_on_page_two("error_200", message="Order 7 is locked by 'Anna'", code="LOCKED")
        self.assertRunFailed("Order 7 is locked by 'Anna'")

    def test_an_object_instead_of_a_list(self):
        self.fail_on_page_two("error_200", body={"customers": {"a": 1}})
        self.assertRunFailed("list of records", "an object", "records path")

    def test_refused(self):
        self.fail_on_page_two("status", status=400, message="page is not of type integer")
        self.assertRunFailed("page is not of type integer", "400")

    def test_pages_that_repeat_for_ever(self):
        self.shop.fault("repeat_page", times=None)
        self.run_flow(self.flow)
        self.assertLess(self.last_run().call_count, 6)
        self.assertRunFailed("same page again", pages=2)

    def test_pages_that_repeat_for_ever_in_all_styles(self):
        styles = {
            "cursor": {"query": {"paging": "cursor"}, "size_param": "limit", "records_path": "data",
                       "cursor_path": "paging.next_cursor"},
            "next_link": {"query": {"paging": "next", "per_page": "10"}, "records_path": "results", "next_path": "next"},
            "link_header": {"query": {"paging": "link", "per_page": "10"}},
            "keyset": {"query": {"paging": "keyset", "per_page": "10"}, "keyset_param": "after_id"},
            "offset": {"query": {"paging": "offset"}, "size_param": "limit", "records_path": "data"},
        }
        self.shop.fault("repeat_page", times=None)
        for style, options in styles.items():
            with self.subTest(style=style):
                flow = self.make_flow("res.partner", [("name", "first_name")], self.make_resource(style, {"list": {
                    "method": "GET", "path": "customers", "paging_style": style, "page_size": 10, **options}}))
                run = self.run_flow(flow)
                self.assertEqual(run.state, "failed")
                self.assertIn("same page again", run.message)
                self.assertLess(run.call_count, 8)
                self.assertEqual(len(self.records(flow)), 10)

    def test_an_empty_answer_is_not_an_empty_list(self):
        self.shop.fault("empty_body", path="page=2", times=None)
        self.run_flow(self.flow)
        self.until_given_up()
        self.assertRunFailed("empty")

    def test_deep_nesting(self):
        deep = "x"
        for _level in range(70):
            deep = [deep]
        self.fail_on_page_two("error_200", body=[{"id": 99, "first_name": deep}])
        self.assertRunFailed("nested", "64")

    def test_wrong_content_type_is_read_all_the_same(self):
        self.shop.fault("wrong_content_type", times=None)
        self.assertEqual(self.run_flow(self.flow).state, "done")
        self.assertEqual(len(self.records(self.flow)), 25)

    def test_cut_in_the_middle(self):
        self.shop.fault("cut_body", path="page=2", times=None)
        run = self.run_flow(self.flow)
        self.assertEqual((run.state, run.error_class, len(self.records(self.flow))), ("open", "connection", 10))
        self.assertIn("broke off", run.message)
        self.shop.clear_faults()
        self.make_due(self.flow)
        self.work()
        self.assertEqual((run.state, len(self.records(self.flow))), ("done", 25))

    def test_refused_credentials_pause_the_connection_and_resume(self):
        self.shop.fault("expired_token", path="page=2", times=None)
        run = self.run_flow(self.flow)
        self.assertEqual((run.state, run.fetching), ("open", True))
        self.assertTrue(self.connection.paused)
        self.assertIn("credentials", self.connection.pause_reason)
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.shop.clear_faults()
        self.make_due(self.flow)
        self.connection.auth_secret_input = self.shop.api_key
        self.assertFalse(self.connection.paused)
        self.work()
        self.assertEqual((run.state, len(self.records(self.flow))), ("done", 25))

    def test_a_flow_that_cannot_read_does_not_stop_the_others(self):
        broken = self.make_flow("res.partner", [("name", "x")], self.make_resource("nowhere"), priority=1)
        self.run_flow(broken, self.flow)
        self.assertEqual(broken.last_run_id.state, "failed")
        self.assertIn("does not find", broken.last_run_id.message)
        self.assertEqual((self.last_run().state, len(self.records(self.flow))), ("done", 25))

    def test_the_operation_is_gone_while_a_run_is_open(self):
        self.flow._open_run("button")
        self.flow.resource_id.operation_ids.unlink()
        self.work()
        self.assertEqual(self.last_run().state, "failed")
        self.assertIn("list", self.last_run().message)

    def test_an_error_that_nobody_expected(self):
        """Even a fault of our own in storing a page ends the run with its text, and the other flows go on."""
        from unittest.mock import patch

        from odoo.addons.integration_flow.engine import inbox
        original = inbox.store

        def store(cr, plan, *args, **kwargs):
            if plan.id == self.flow.id:
                raise ZeroDivisionError("a slip")
            return original(cr, plan, *args, **kwargs)
        other = self.make_flow("res.partner", [("name", "first_name")], self.make_resource("other", path="customers"))
        with patch.object(inbox, "store", store):
            self.run_flow(self.flow, other)
        self.assertEqual(self.last_run().state, "failed")
        self.assertIn("slip", self.last_run().message)
        self.assertEqual(len(self.records(other)), 25)


@tagged("post_install", "-at_install")
class TestBadRecords(FlowCase):
    """One bad record among good ones: it fails with its name, field and value, the others land."""

    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("res.partner", [
            ("name", "first_name", {"required": True}), ("email", "email"),
            ("partner_latitude", "lat", {"transform": "number"}), ("country_id", "country", {"transform": "country"}),
            ("lang", "lang"), ("is_company", "company", {"transform": "boolean"}),
        ], updated_at_path="date_modified_gmt", name_path="email", version_path="revision")

    def bring(self, *bad):
        """The bad records between two good ones; returns all sync records of the bad ones, in order."""
        good = [{"id": f"good{number}", "first_name": "Good", "email": f"good{number}@example.com"} for number in (1, 2)]
        self.put_customers(good[0], *bad, good[1])
        self.run = self.run_flow(self.flow)
        self.assertEqual(self.run.state, "done", self.run.message)
        syncs = self.env["integration.sync"].search([("flow_id", "=", self.flow.id)], order="id")
        rest = syncs.filtered(lambda sync: sync.external_id not in ("good1", "good2"))
        self.assertEqual(set((syncs - rest).mapped("state")), {"synced"})
        return rest

    def test_wrong_types(self):
        cases = [
            ({"lat": "north"}, ("Geo Latitude", "north", "number")),
            ({"lat": [1]}, ("Geo Latitude", "number")),
            ({"lat": {"deg": 1}}, ("Geo Latitude", "number")),
            ({"email": {"work": "a@example.com"}}, ("Email", "text")),
            ({"email": ["a@example.com", "b@example.com"]}, ("Email", "text")),
            ({"company": "perhaps"}, ("Is a Company", "perhaps", "yes or no")),
            ({"country": "Atlantis"}, ("Country", "Atlantis")),
            ({"country": ["DE", "FR"]}, ("Country", "one value")),
            ({"lang": "kli_NG"}, ("Language", "kli_NG")),
            ({"first_name": {"en": "X"}}, ("Name", "text")),
        ]
        syncs = self.bring(*(
            {"id": number, "first_name": "Bad", "email": f"bad{number}@example.com", **values}
            for number, (values, _pieces) in enumerate(cases, 1)))
        for sync, (values, pieces) in zip(syncs, cases, strict=True):
            with self.subTest(values=values):
                self.assertFailed(sync, "mapping", *pieces)
        self.assertEqual(self.run.failed_count, len(cases))
        self.assertEqual(syncs[0].display_name, "bad1@example.com", "people know it by its name")

    def test_negative_and_odd_numbers_are_values(self):
        syncs = self.bring({"id": 1, "first_name": "A", "lat": -5}, {"id": 2, "first_name": "B", "lat": "-0.5"},
                           {"id": 3, "first_name": "C", "lat": 0}, {"id": 4, "first_name": "D", "lat": "1e2"})
        self.assertEqual(set(syncs.mapped("state")), {"synced"})
        self.assertEqual([self.records(self.flow)[str(n)].partner_latitude for n in (1, 2, 3, 4)], [-5, -0.5, 0, 100])

    def test_missing_ids(self):
        syncs = self.bring(
            {"first_name": "None at all", "email": "noid@example.com"}, {"id": None, "first_name": "Null"},
            {"id": "", "first_name": "Empty"}, {"id": {"a": 1}, "first_name": "Object"}, {"id": True, "first_name": "Yes"})
        self.assertEqual(len(syncs), 5)
        for sync in syncs:
            self.assertFailed(sync, "validation", "identifier", "id")
            self.assertTrue(self.logs(sync, "failed"), "its history tells it")
        self.assertIn("noid@example.com", syncs.mapped("display_name"))
        self.assertTrue([name for name in syncs.mapped("display_name") if "Null" in name], "else its beginning tells it")
        self.assertEqual(self.run.failed_count, 5)

    def test_missing_ids_are_kept_once(self):
        self.bring({"first_name": "None at all"})
        self.assertEqual(len(self.bring()), 1)

    def test_missing_ids_are_repaired_by_the_right_path(self):
        sync = self.bring({"key": "K1", "id": None, "first_name": "Late"})
        self.flow.resource_id.id_path = "key || id"
        self.press(sync.action_retry)
        self.assertEqual((sync.state, sync.external_id), ("synced", "K1"), sync.error_message)
        self.assertEqual(self.records(self.flow)["K1"].name, "Late")

    def test_missing_ids_that_arrived_properly_meanwhile(self):
        sync = self.bring({"key": "K1", "id": None, "first_name": "Late"})
        self.receive(self.flow, {"id": "K1", "first_name": "In time"})
        self.flow.resource_id.id_path = "key || id"
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "excluded")
        self.assertIn("K1", sync.error_message)

    def test_what_is_no_record(self):
        self.shop.load("customers", ["just a text", 42, None, ["a list"]])
        syncs = self.bring()
        self.assertEqual(len(syncs), 4)
        for sync, pieces in zip(
                syncs, (("just a text",), ("a number", "42"), ("nothing",), ("a list",)), strict=True):
            self.assertFailed(sync, "validation", "single record", *pieces)

    def test_an_id_as_long_as_a_book(self):
        syncs = self.bring({"id": "x" * 5000, "first_name": "Long"}, {"id": "y" * 900, "first_name": "Just fits"})
        self.assertFailed(syncs[0], "validation", "too long", "xxx")
        self.assertEqual(syncs[1].state, "synced")

    def test_duplicate_ids_in_one_page(self):
        """The newer state counts; of equally old ones, the later."""
        self.shop.load("customers", [
            {"id": "a", "first_name": "A"}, {"id": "b", "first_name": "B"}])
        self.shop.fault("duplicate_ids", change={"first_name": "Later"})
        self.run_flow(self.flow)
        self.assertEqual({key: record.name for key, record in self.records(self.flow).items()}, {"a": "Later", "b": "B"})
        self.assertEqual(len(self.syncs(self.flow)), 2)

    def test_duplicate_ids_the_older_comes_later(self):
        self.shop.load("customers", [{"id": "a", "first_name": "New", "date_modified_gmt": "2026-02-02T10:00:00"}])
        self.shop.fault("duplicate_ids", change={"first_name": "Old", "date_modified_gmt": "2026-01-01T10:00:00"})
        self.run_flow(self.flow)
        self.assertEqual(self.records(self.flow)["a"].name, "New")

    def test_dates(self):
        """A date of change that cannot be read decides nothing; the record itself is imported."""
        syncs = self.bring(
            *({"id": number, "first_name": "D", "date_modified_gmt": value} for number, value in enumerate(
                ("2026-02-30T10:00:00", "soon", 17, None, {"a": 1}, "0000-00-00T00:00:00", "2026-01-01"), 1)))
        self.assertEqual(set(syncs.mapped("state")), {"synced"})

    def test_html_is_text(self):
        name = "<b>Bold</b> <script>alert(1)</script> & Söhne"
        syncs = self.bring({"id": 1, "first_name": name, "email": "x@example.com"})
        self.assertEqual(self.records(self.flow)["1"].name, name)
        self.assertEqual(syncs.state, "synced")
        self.receive(self.flow, {
            "id": 1, "first_name": {"<script>": "alert(1)"}, "date_modified_gmt": "2026-02-01T10:00:00"})
        self.assertFailed(syncs, "mapping", "script")  # a text field: shown as text, never as markup

    def test_html_in_an_html_field_is_sanitised(self):
        self.add_rules(self.flow, [("comment", "note")])
        self.bring({"id": 1, "first_name": "A", "note": "<p onclick='x()'>Hi<script>alert(1)</script></p>"})
        comment = str(self.records(self.flow)["1"].comment)
        self.assertNotIn("script", comment)
        self.assertNotIn("onclick", comment)

    def test_nul_and_invisible_characters(self):
        self.bring(
            {"id": 1, "first_name": "N\x00ul", "email": "n\x00@example.com", "revision": "1\x00"},
            {"id": "2\x00", "first_name": "In the ID"}, {"id": 3, "first_name": "\x00"},
            {"id": 4, "first_name": "\ud800half"}, {"id": 5, "first_name": "Bell\x07", "lang": "\x00"})
        self.assertEqual(self.records(self.flow)["1"].name, "Nul")
        self.assertEqual(self.records(self.flow)["2"].name, "In the ID")
        self.assertFailed(self.syncs(self.flow)["3"], "validation", "Name", "required")
        self.assertEqual({self.syncs(self.flow)[key].state for key in "1245"}, {"synced"})
        self.receive(self.flow, {"id": 1, "first_name": "N\x00ul 2", "email": "n\x00@example.com", "revision": 2})
        self.assertEqual(self.records(self.flow)["1"].name, "Nul 2")

    def test_ids_of_all_kinds(self):
        keys = ["A/7", "ü ö", "Ж%2F", "a?b=c#d", "7.5", "  padded  ", "'; DROP TABLE x; --", "🎉", "0"]
        self.bring(*({"id": key, "first_name": "K"} for key in keys))
        self.assertEqual(set(self.records(self.flow)) - {"good1", "good2"}, {key.strip() for key in keys})

    def test_numbers_as_ids_are_their_digits(self):
        self.bring({"id": 7, "first_name": "Whole"}, {"id": 8.0, "first_name": "Float"}, {"id": 0, "first_name": "Zero"},
                   {"id": 12345678901234567890, "first_name": "Huge"})
        self.assertEqual(set(self.records(self.flow)) - {"good1", "good2"}, {"7", "8", "0", "12345678901234567890"})

    def test_a_path_that_does_not_fit_this_record(self):
        self.add_rules(self.flow, [("ref", "codes && length(codes)")])
        syncs = self.bring({"id": 1, "first_name": "A", "codes": ["x"]}, {"id": 2, "first_name": "B", "codes": 5})
        self.assertEqual(syncs[0].state, "synced", syncs[0].error_message)
        self.assertFailed(syncs[1], "mapping", "length(codes)")

    def test_very_long_texts(self):
        syncs = self.bring({"id": 1, "first_name": "x" * 200_000}, {"id": 2, "first_name": "B", "email": "y" * 100_000})
        for sync in syncs:
            self.assertIn(sync.state, ("synced", "failed"))
            if sync.state == "failed":
                self.assertFailed(sync, "constraint", "too long")

    def test_messages_name_the_value_but_not_a_secret_one(self):
        self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "partner_latitude").sensitive = True
        syncs = self.bring({"id": 1, "first_name": "A", "lat": "classified"})
        self.assertFailed(syncs, "mapping", "Geo Latitude", "•••")
        self.assertNotIn("classified", f"{syncs.error_message}{syncs.error_detail}")
        self.assertNotIn("classified", "".join(self.logs(syncs).mapped("message")))
