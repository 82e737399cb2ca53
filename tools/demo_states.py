"""A trade fair beside the demo shop, in which everything is seen that may become of a record and of a flow.

Made by the engine itself, against the running sandbox with faults on demand: nothing here writes a state by hand. Called by
``first_import.py`` on the first start only. All flows are manual and their retries are far away, so the states stay until
somebody decides about them.
"""

import json

import requests

API = "Demo Fair"
IDS = range(8001, 8011)
PRODUCT_IDS = range(8101, 8106)
LATER = {"date_modified_gmt": "2026-01-06T09:00:00"}
HALF_A_DAY = 12 * 3600
PAGED = {"paging_style": "page", "page_param": "page", "size_param": "per_page", "page_size": 100,
         "total_pages_header": "X-WP-TotalPages", "error_paths": "message"}


class Sandbox:
    """The control side of the sandbox: what happens over there without us."""

    def __init__(self, url):
        self.url = url

    def control(self, path, body):
        requests.post(
            f"{self.url}/_control/{path}", json=body, headers={"X-Control-Key": "sandbox-control"},
            timeout=30).raise_for_status()

    def load(self, collection, records):
        self.control("load", {"collection": collection, "records": records})

    def fault(self, kind, **options):
        self.control("faults", {"kind": kind, **options})


def visitor(number, name, **changes):
    return {
        "id": number, "first_name": name, "last_name": "Visitor", "email": f"{name.lower()}@fair.example.com",
        "role": "customer", "date_created_gmt": "2026-01-05T09:00:00", "date_modified_gmt": "2026-01-05T09:00:00",
        "billing": {"phone": f"+32 9 000 {number}", "city": "Ghent", "country": "BE"}, **changes}


def stand(number, **changes):
    """Of type variable: the shop's own flow leaves such products out, so that the two flows do not meet."""
    return {
        "id": number, "name": f"Fair stand {number - 8100}", "sku": f"STAND-{number}", "type": "variable",
        "regular_price": "400.00", "date_created_gmt": "2026-01-05T09:00:00", "date_modified_gmt": "2026-01-05T09:00:00",
        **changes}


def load(sandbox):
    """What the fair holds. The sandbox forgets everything when it ends, so this happens at each start."""
    sandbox.load("customers", [
        visitor(8001, "Ada"), visitor(8002, "Bert"), visitor(8003, "Carl"), visitor(8004, "Dora", email=""),
        visitor(8005, "Emil", billing={"phone": "", "city": "Atlantis", "country": "XX"}),
        visitor(8006, "Fay", email=""), visitor(8007, "Gus"), visitor(8008, "Hana"),
        visitor(8009, "Ivo", company_id=8999), visitor(8010, "Joan"),
    ])
    # Of type variable: the shop's own flow leaves such products out, so that the two flows do not meet.
    sandbox.load("products", [stand(number) for number in PRODUCT_IDS])


# -- configuration -----------------------------------------------------------------------------------------


def make_connection(env, code, name, base_url, **vals):
    return env["integration.connection"].create({
        "code": code, "name": name, "api_name": API, "base_url": base_url, "environment": "sandbox",
        "auth_type": "api_key_header", "auth_name": "X-API-Key", "auth_secret_input": "sandbox-api-key",
        "test_path": "system_status", "provider_contact": "The organisers of the fair", "administrator_id": env.uid, **vals})


def make_resource(env, code, name, operations, **vals):
    return env["integration.resource"].create({
        "name": name, "code": code, "api_name": API, "id_path": "id", "updated_at_path": "date_modified_gmt",
        "operation_ids": [(0, 0, {"kind": kind, **values}) for kind, values in operations.items()], **vals})


def make_flow(env, connection, resource, model, name, code, rules, **vals):
    flow = env["integration.flow"].create({
        "name": name, "code": code, "connection_id": connection.id, "resource_id": resource.id,
        "model_id": env["ir.model"]._get_id(model), "timing": "manual", "responsible_id": env.uid, "tz": "UTC",
        "retry_first_seconds": HALF_A_DAY, "retry_maximum_seconds": HALF_A_DAY, "parent_wait_hours": 8760, **vals})
    for number, (odoo_path, external_path, more) in enumerate(rules):
        env["integration.field.rule"].create({
            "flow_id": flow.id, "sequence": 10 * number, "odoo_path": odoo_path, "external_path": external_path, **more})
    return flow


def visitors_flow(env, connection):
    resource = make_resource(env, "fair_visitor", "Visitor", {
        "list": {"path": "customers", **PAGED}, "read": {"path": "customers/{id}", "error_paths": "message"},
        # Neither a key for repeats nor a search: a create whose answer is lost stays in doubt.
        "create": {"method": "POST", "path": "customers", "error_paths": "message"},
        "update": {"method": "PUT", "path": "customers/{id}", "error_paths": "message"},
        "delete": {"method": "DELETE", "path": "customers/{id}", "query": '{"force": "true"}', "error_paths": "message"},
    }, name_path="first_name", record_url_template="wp-admin/user-edit.php?user_id={id}")
    at_creation = {"owner": "external_at_creation"}  # the shop writes contacts, too: two systems cannot both own a field
    flow = make_flow(env, connection, resource, "res.partner", "Fair visitors", "fair_visitors", [
        ("name", "first_name", {"required": True, **at_creation}),
        ("email", "email", {"required": True, "match_key": True, **at_creation}),
        ("phone", "billing.phone", {"owner": "ask"}),
        ("city", "billing.city", {"owner": "newest"}),
        ("country_id", "billing.country", {"transform": "country", **at_creation}),
        ("parent_id", "company_id", {"kind": "relation", "relation_mode": "wait"}),
    ], direction="both", create_in_external=True, domain="[('ref', '=like', 'FAIR%')]", external_filter="role != 'staff'",
        list_query=json.dumps({"include": ",".join(map(str, IDS))}), delete_in_external="ask")
    parent = flow.rule_ids.filtered(lambda rule: rule.odoo_path == "parent_id")
    parent.relation_flow_id = flow
    env["integration.field.rule"].create({
        "flow_id": flow.id, "odoo_path": "ref", "external_path": "", "transform": "constant", "constant": "FAIR",
        "direction": "import", "owner": "external_at_creation"})
    return flow


def stands_flow(env, connection):
    resource = make_resource(
        env, "fair_stand", "Stand", {"list": {"path": "products", **PAGED}}, name_path="name")
    flow = make_flow(env, connection, resource, "product.template", "Fair stands", "fair_stands", [
        ("name", "name", {"required": True, "owner": "external_at_creation"}), ("default_code", "sku", {"match_key": True}),
        # The shop writes products, too: two systems cannot both own a field.
        ("list_price", "regular_price", {"transform": "number", "owner": "newest"}),
    ], direction="import", list_query=json.dumps({"include": ",".join(map(str, PRODUCT_IDS))}))
    env["integration.guard"].create({"flow_id": flow.id, "kind": "change", "limit": 2})
    return flow


def plan(env, flow):
    """What only people know about a flow, so that it may go live."""
    flow.write({
        "purpose": "Whom we meet at the fair is in Odoo on the same day, and nobody types an address twice.",
        "users_see": "Contacts of the fair carry a banner. The telephone number is decided by a person when both changed.",
        "frequency_reason": "Sales looks at the visitors in the evening; they press Sync Now.",
        "business_owner_id": env.uid, "records_in_per_day": 40, "records_out_per_day": 20, "records_in_all": 500})


# -- what happens ------------------------------------------------------------------------------------------


class Story:
    def __init__(self, env, sandbox, worker):
        self.env, self.sandbox, self.worker = env, sandbox, worker

    def work(self, connection):
        self.env.cr.commit()
        self.worker(self.env, connection).run()
        self.env.cr.commit()
        self.env.invalidate_all()

    def sync(self, flow, external_id):
        return self.env["integration.sync"].search(
            [("flow_id", "=", flow.id), ("external_id", "=", str(external_id))])

    def partner(self, flow, external_id):
        return self.env["res.partner"].browse(self.sync(flow, external_id).res_id)

    def prove(self, flow, external_id, *, wrong=False):
        """A test case from a record that came; with ``wrong`` it expects what the rules do not make of it."""
        case = self.env["integration.test.case"]._from_sync(self.sync(flow, external_id))
        case.action_take_result()
        if wrong:
            case.expectation_ids[:1].value = json.dumps("Something else")
            case.action_run()

    def visitors(self, connection):
        flow = visitors_flow(self.env, connection)
        flow.action_test_mode()
        flow.action_sync_now()
        self.work(connection)
        self.sync(flow, 8006).action_skip()
        self.prove(flow, 8001)
        plan(self.env, flow)
        connection.action_test()
        flow.action_agree()
        flow.action_go_live()
        # Both sides change one telephone number; the fair refuses one change and has a bad moment at another.
        self.partner(flow, 8002).phone = "+32 9 111 11 11"
        self.sandbox.load("customers", [
            visitor(8002, "Bert", billing={"phone": "+32 9 222 22 22", "city": "Ghent", "country": "BE"}, **LATER),
            visitor(8003, "Carl", role="staff", **LATER)])  # no visitor any more
        for number, fault in ((8007, {"kind": "status", "status": 400, "message": "billing.phone is no telephone number"}),
                              (8010, {"kind": "server_error"})):
            self.sandbox.fault(method="PUT", path=f"/customers/{number}", **fault)
            self.partner(flow, number).phone = "call me"
        self.partner(flow, 8008).unlink()
        self.sandbox.fault("cut_after", method="POST", path="/customers")
        self.env["res.partner"].create({
            "name": "Kim Visitor", "email": "kim@fair.example.com", "ref": "FAIR",
            "country_id": self.env.ref("base.be").id})
        flow.action_sync_now()
        self.work(connection)
        # And what somebody changed over there without telling: the reconciliation finds it.
        self.sandbox.load("customers", [visitor(
            8001, "Ada", billing={"phone": "+32 9 000 8001", "city": "Bruges", "country": "BE"}, **LATER)])
        flow.action_reconcile()
        self.work(connection)

    def stands(self, connection):
        flow = stands_flow(self.env, connection)
        flow.action_test_mode()
        flow.action_sync_now()
        self.work(connection)
        self.prove(flow, 8101, wrong=True)
        plan(self.env, flow)
        flow.action_agree()
        flow.retry_attempts = 3  # which nobody agreed to
        self.sandbox.load("products", [stand(number, regular_price="4.00", **LATER) for number in PRODUCT_IDS])
        flow.action_sync_now()
        self.work(connection)

    def outages(self, visitors):
        """One system that is away, one that somebody paused, and two flows that do not run."""
        gone = make_connection(
            self.env, "fair_badges", "Badge Printer (gone)", "http://127.0.0.1:9/", circuit_threshold=1,
            circuit_pause_seconds=86400, circuit_longest_seconds=86400, timeout_connect=2)
        resource = make_resource(self.env, "fair_badge", "Badge", {"create": {"method": "POST", "path": "badges"}})
        rules = [("name", "name", {"owner": "odoo"})]
        export = {
            "direction": "export", "create_in_external": True, "create_in_odoo": False,
            "domain": "[('ref', '=', 'FAIR')]"}
        badges = make_flow(self.env, gone, resource, "res.partner", "Fair badges", "fair_badges", rules, **export)
        paused = make_connection(self.env, "fair_planner", "Stand Planner (paused)", "http://127.0.0.1:9/planner/")
        planner = make_flow(self.env, paused, resource, "res.partner", "Fair appointments", "fair_planner", rules, **export)
        thanks = make_flow(self.env, paused, resource, "res.partner", "Fair letters", "fair_letters", rules, **export)
        make_flow(self.env, paused, resource, "res.partner", "Fair survey (draft)", "fair_survey", rules, **export)
        for flow in (badges, planner, thanks):
            flow.action_test_mode()
        thanks.action_pause()
        badges.action_export_all()
        badges.action_sync_now()
        self.work(gone)
        planner.action_export_all()  # nobody has pressed Sync Now yet
        self.work(paused)
        paused.action_pause()
        self.env.cr.commit()


def show(env, sandbox_url, worker):
    """Make the fair, if this database has none yet."""
    sandbox = Sandbox(sandbox_url)
    load(sandbox)
    connection = env["integration.connection"].search([("code", "=", "fair")])
    if connection:
        connection.base_url = f"{sandbox_url}/wp-json/wc/v3"
        return
    connection = make_connection(
        env, "fair", "Trade Fair", f"{sandbox_url}/wp-json/wc/v3", web_url=sandbox_url, timeout_read=5)
    story = Story(env, sandbox, worker)
    story.visitors(connection)
    story.stands(connection)
    story.outages(connection)


def summary(env):
    """What there is to look at beside failed records, as sentences for the person who starts the demo."""
    fair = env["integration.connection"].search([("api_name", "=", API)])
    inside = [("connection_id", "in", fair.ids)]
    labels = dict(env["integration.sync"]._fields["state"]._description_selection(env))
    states = env["integration.sync"]._read_group(inside, ["state"], ["__count"])
    counts = {
        "runs held by a guardrail": env["integration.run"].search_count([*inside, ("state", "=", "held")]),
        "fields in conflict": env["integration.conflict"].search_count([("flow_id.connection_id", "in", fair.ids)]),
        "deletions to approve": env["integration.deletion"].search_count(
            [("flow_id.connection_id", "in", fair.ids), ("state", "=", "open")]),
        "differences found by a reconciliation": sum(env["integration.reconciliation"].search(inside).mapped("found_count")),
        "open circuits": len(fair.filtered(lambda connection: connection.circuit_state != "closed")),
        "paused connections": len(fair.filtered("paused")),
        "failed test cases": env["integration.test.case"].search_count(
            [("flow_id.connection_id", "in", fair.ids), ("last_result", "=", "failed")]),
    }
    return [
        "The trade fair shows every state: " + ", ".join(
            f"{count} {labels[state].lower()}" for state, count in sorted(states)),
        "Beside its records, " + ", ".join(f"{what}: {count}" for what, count in counts.items() if count),
    ]
