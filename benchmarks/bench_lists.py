"""All lists of the menus with 100,000 rows: how long the server needs for what a person does with them.

For each list: as it opens, without filter, each filter, each group and each field of its search (with a text that nothing
contains, and one that few rows contain), asked as the web client asks; then the forms that show many lines, the list of a
business model with its sync state, and what the systray counts. Asked by people, not by the superuser: a user of
integrations, or a manager where the menu is his, of two companies. Each question is asked once to warm up, then three
times; the median counts.
And how long a bulk retry of all records takes, and where Chromium is there, a person's wait from the click to the rows.

``BENCH_LISTS_ROWS`` is the number of rows, ``BENCH_LISTS_TIMES`` how often each question is asked,
``BENCH_LISTS_EXPLAIN=250`` shows the plan of the slowest statement of all that takes longer than so many milliseconds,
``BENCH_LISTS_ONLY`` names the lists to look at.
"""

import os
import statistics
import time
from itertools import count

import list_browser
import list_rows
from common import BATCH, figure, make_flow, require, say, shop, sql
from crowd import FIRST_ID, size
from list_views import Form, List
from slowest import Statements

from odoo.fields import Command

ROWS = size("LISTS_ROWS", 100_000)
LIMIT = 1000
EXPLAIN = size("LISTS_EXPLAIN", 0)
ONLY = set(filter(None, os.environ.get("BENCH_LISTS_ONLY", "").split(",")))
CONNECTIONS, FLOWS = 4, 20
TIMES = size("LISTS_TIMES", 3)
# What is quicker than this is told in one line for each list.
QUICK = 200
# Lists without a menu: of buttons on forms.
BUTTONS = {
    "single records": "integration_flow.integration_sync_action_attention",
    "documents": "integration_flow.integration_document_action",
    "differences": {"res_model": "integration.reconciliation.line", "view_mode": "list",
                    "context": {"search_default_drift": 1}},
    "left by a revert": {"res_model": "integration.revert.line", "view_mode": "list"},
    "contacts": {"res_model": "res.partner", "view_mode": "list", "ours": "integration"},
}
FORMS = ("integration.sync", "integration.issue", "integration.run", "integration.reconciliation", "integration.flow",
         "integration.value.map", "integration.conflict", "integration.exchange")


def main(context):
    with shop(0) as server, context.env() as env:
        flows, users = make_world(env, server)
    contacts = make_contacts(context)
    list_rows.fill(context, flows, users["user"], ROWS, contacts=contacts)
    sql(context.database, "VACUUM ANALYZE res_partner")
    measured = sorted(measure(context, users), key=lambda found: -found[2])
    figures = [
        figure(f"{name}: {what}", ms, "ms", f"≤ {LIMIT}", ms <= LIMIT) for name, what, ms in measured if ms > QUICK]
    for name in dict.fromkeys(name for name, _what, _ms in measured):
        quick = [ms for of, _what, ms in measured if of == name and ms <= QUICK]
        if quick:
            figures.append(figure(f"{name}: the slowest of {len(quick)} others", max(quick), "ms", f"≤ {LIMIT}", True))
    if ONLY:
        return figures
    figures += list_browser.measure(context, users["login"], LIMIT, ROWS)
    return figures + bulk(context)


# -- what is there -------------------------------------------------------------------------------------------


def make_world(env, server):
    """Flows of two companies on four connections, and two people. Returns flow ids and ``{user, manager, login}``."""
    other = env["res.company"].create({"name": "Second Company"})
    companies = env.company + other
    env.ref("base.user_admin").company_ids += other
    flows = env["integration.flow"]
    for number in range(CONNECTIONS):
        # Apart by their filters, or they would undo what the other writes.
        flow = make_flow(env, server, code=f"bench{number}", domain=f"[('ref', '=', 'bench{number}')]")
        flow.connection_id.company_id = flow.company_id = companies[number % 2]
        flows += flow
    users = {}
    for key, group in (("user", "user"), ("manager", "manager")):
        person = env["res.users"].create({
            "name": f"Bench {key}", "login": f"bench_{key}", "password": f"bench_{key}", "company_id": env.company.id,
            "company_ids": [Command.set(companies.ids)],
            "group_ids": [Command.set([env.ref("base.group_user").id, env.ref("base.group_partner_manager").id,
                                       env.ref(f"integration_flow.group_integration_{group}").id])]})
        users[key] = person.id
    for number in count(CONNECTIONS):
        if len(flows) >= FLOWS:
            break
        flows += flows[number % CONNECTIONS].copy({"name": f"Contacts {number}"})
    for number, flow in enumerate(flows):
        flow.responsible_id = users["user"] if number % 4 == 0 else env.ref("base.user_admin")
    env["integration.value.map"].create({"name": "Taxes"})
    env["integration.subscriber"].create({
        "name": "Listener", "url": "https://listener.example.com/hook", "company_id": False})
    users["login"] = "bench_user"
    return flows.ids, users


def make_contacts(context):
    """As many contacts as rows, copies of one, by SQL; the first and the last id."""
    with context.env() as env:
        one = env["res.partner"].create({"name": "Contact"}).id
    own = {"name": "'Contact ' || n", "complete_name": "'Contact ' || n", "email": "'contact' || n || '@example.com'"}
    with context.registry.cursor() as cr:
        cr.execute("SELECT column_name FROM information_schema.columns "
                   "WHERE table_name = 'res_partner' AND column_name <> 'id'")
        columns = [column for (column,) in cr.fetchall()]
        names = ", ".join(f'"{column}"' for column in columns)
        values = ", ".join(own.get(column, f'c."{column}"') for column in columns)
        cr.execute(f"INSERT INTO res_partner ({names}) SELECT {values} FROM res_partner c, generate_series(1, %s) AS n "
                   "WHERE c.id = %s", [ROWS, one])
        cr.execute("SELECT max(id) FROM res_partner")
        last = cr.fetchone()[0]
    return last - ROWS, last


# -- measuring -----------------------------------------------------------------------------------------------


def measure(context, users):
    """``(list, what is done, milliseconds)`` of everything."""
    for name, user_id, action in lists(context, users):
        yield from measure_list(context, name, user_id, action)
    for model in FORMS:
        name = f"form {model.removeprefix('integration.')}"
        if not ONLY or name in ONLY:
            yield from measure_form(context, name, users["manager"], model)
    if not ONLY or "systray" in ONLY:
        yield "systray", "what needs me", timed(
            context, users["user"], "systray", lambda env: env["integration.attention"],
            lambda attention: attention.get_mine())[0]


def lists(context, users):
    """``(name, user id, values of the action)``: of the menus, and of buttons on forms."""
    with context.env() as env:
        root = env.ref("integration_flow.menu_root")
        menus = env["ir.ui.menu"].search([("id", "child_of", root.id)])
        actions = {menu.complete_name.partition("/")[2]: menu.action for menu in menus if menu.action}
        actions.update({name: env.ref(found) for name, found in BUTTONS.items() if isinstance(found, str)})
        user = env["res.users"].browse(users["user"])
        visible = env["ir.ui.menu"].with_user(user).search([("id", "child_of", root.id)])
        names = {menu.complete_name.partition("/")[2] for menu in visible}
        found = [
            (name, users["user"] if name in names or name in BUTTONS else users["manager"], dict(
                action.read(["res_model", "view_mode", "views", "domain", "context", "search_view_id"])[0]))
            for name, action in actions.items() if action._name == "ir.actions.act_window"]
    found += [(name, users["user"], action) for name, action in BUTTONS.items() if not isinstance(action, str)]
    for name, user_id, action in found:
        if action["view_mode"].split(",")[0] in ("list", "kanban") and (not ONLY or name in ONLY):
            user_id = user_id if may_read(context, user_id, action["res_model"]) else users["manager"]
            yield name, user_id, action


def may_read(context, user_id, model):
    with context.env(user_id) as env:
        return env[model].has_access("read")


def measure_list(context, name, user_id, action):
    # The number of the last row: a text that few rows contain, in the names and in the IDs.
    rare = str(FIRST_ID + ROWS - 7)
    with people(context, user_id) as env:
        questions = list(List(env, action).questions({
            "name": rare, "external_id": rare, "url": f"customers/{ROWS - 7}", "message": f"'T{ROWS // 20 - 3}'",
            "error_message": f"'T{ROWS // 20 - 3}'", "sync_ids": rare, "sync_id": rare,
            "record_name": f"Customer {ROWS - 7}", "key": f"SKU-{ROWS - 7}", "event_id": f"e{ROWS - 7}",
            "flow_id": "Contacts 7"}))
    worst = (0, None, 0)
    for question in questions:
        ms, found = timed(context, user_id, f"{name}: {question.what}", lambda env: List(env, action),
                          lambda shown, question=question: shown.ask(question))
        worst = max(worst, (ms, question.what, found))
        yield name, question.what, ms
    say(f"{name}: {len(questions)} questions, the slowest {worst[0]:,.0f} ms ({worst[1]}, {worst[2]:,} found)")


def measure_form(context, name, user_id, model):
    """The record with the most lines, and the first one."""
    with people(context, user_id) as env:
        record_id = {
            "integration.sync": lambda: env[model].search([], order="id", limit=1, offset=1).id,
            "integration.reconciliation": lambda: env[model].search([], order="id desc", limit=1).id,
            "integration.issue": lambda: env[model].search([], order="id", limit=1, offset=1).id,
        }.get(model, lambda: env[model].search([], order="id", limit=1).id)()
    ms, _found = timed(context, user_id, name, lambda env: Form(env, model), lambda form: form.ask(record_id))
    say(f"{name}: {ms:,.0f} ms")
    yield name, "open", ms


def people(context, user_id):
    """An environment as a request of this person has it, with all his companies."""
    with context.env() as env:
        companies = env["res.users"].browse(user_id).company_ids.ids
    return context.env(user_id, allowed_company_ids=companies, lang="en_US", tz="UTC")


def timed(context, user_id, name, show, ask):
    """The median of some times in ms, each in a transaction of its own, and the answer.

    :param show: function of the environment: what is asked, with its views read, which is not measured
    """
    times, answer = [], None
    for attempt in range(1 + TIMES):
        with people(context, user_id) as env:
            shown = show(env)
            env.invalidate_all()
            started = time.perf_counter()
            answer = ask(shown)
            if attempt:
                times.append(1000 * (time.perf_counter() - started))
    ms = statistics.median(times)
    if EXPLAIN and ms > EXPLAIN:
        with people(context, user_id) as env:
            shown = show(env)
            env.invalidate_all()
            with Statements(env.cr) as statements:
                ask(shown)
            say(f"{name}: {ms:,.0f} ms\n{statements.explain()}")
    return ms, answer


# -- everything at once --------------------------------------------------------------------------------------


def bulk(context):
    """Retry all records, from the press of the button to the last page."""
    with context.env() as env:
        # What is neither decided nor held.
        domain = [("state", "in", ["failed", "unknown", "synced", "skipped", "excluded", "waiting"]),
                  ("id", "<=", last(env))]
        actions = env["integration.bulk.action"].with_user(env.ref("base.user_admin")).with_context(
            allowed_company_ids=env["res.company"].search([]).ids)
        total = env["integration.sync"].search_count(domain)
        started = time.perf_counter()
        answer = actions._start("retry", "integration.sync", domain)
        start = time.perf_counter() - started
    started = time.perf_counter()
    with context.env() as env:
        env["integration.bulk.action"]._cron_run()
    seconds = time.perf_counter() - started
    with context.env() as env:
        found = env["integration.bulk.action"].browse(answer["params"]["id"])
        require((found.state, found.done) == ("done", total), f"{found.state}: {found.done} of {found.total} ({total})")
    return [
        figure("bulk retry, start", 1000 * start, "ms", f"≤ {LIMIT}", 1000 * start <= LIMIT),
        figure(f"bulk retry, {total:,} records", seconds, f"s, {total / seconds:,.0f} records a second"),
    ]


def last(env):
    """About 100,000 of them."""
    found = env["integration.sync"].search([], order="id", limit=1, offset=ROWS + BATCH)
    return found.id or env["integration.sync"].search([], order="id desc", limit=1).id
