"""First import of 10,000 contacts against hand-written ``create()`` of the same values.

The import is all of it: download of 20 pages, storing them, mapping, country look-up, match by e-mail, create, links,
sync states, log lines, run counters. The hand-written side is the shortest Python that makes the same contacts: values
that are ready in memory, ``create()`` in batches of 1,000, tracking off, a commit per batch.
"""

import requests
from common import (
    BATCH,
    CUSTOMERS,
    PAGE,
    REPETITIONS,
    figure,
    forget_contacts,
    make_flow,
    median,
    quiet,
    require,
    say,
    shop,
    spread,
    states,
    work,
)

NO_CHATTER = {"tracking_disable": True, "mail_create_nosubscribe": True, "mail_create_nolog": True, "mail_notrack": True}


def main(context):
    with shop() as server:
        with context.env() as env:
            flow_id = make_flow(env, server).id
            admin_id = env.ref("base.user_admin").id
            newest = env["res.partner"].with_context(active_test=False).search([], order="id desc", limit=1).id
            countries = {country.code: country.id for country in env["res.country"].search([])}
        values = [contact(record, countries) for record in download(server)]
        require(len(values) == CUSTOMERS, f"{len(values)} customers in the shop")
        by_hand(context, admin_id, values[:BATCH])  # both sides begin with warm caches
        forget_contacts(context, newest)
        ours, theirs = [], []
        for number in range(REPETITIONS):
            sides = [
                lambda: ours.append(imported(context, flow_id)),
                lambda: theirs.append(by_hand(context, admin_id, values)),
            ]
            for side in sides if number % 2 == 0 else reversed(sides):
                side()
                forget_contacts(context, newest)
            say(f"import {ours[-1]:.2f} s, by hand {theirs[-1]:.2f} s")
    ratios = [hand / flow for flow, hand in zip(ours, theirs, strict=True)]
    speed = median(theirs) / median(ours)
    return [
        figure("first import", CUSTOMERS / median(ours), f"contacts/s ({spread([CUSTOMERS / each for each in ours], 0)})"),
        figure("create() by hand", CUSTOMERS / median(theirs),
               f"contacts/s ({spread([CUSTOMERS / each for each in theirs], 0)})"),
        figure("speed of the import", speed, f"× create() by hand ({spread(ratios)})", "≥ 0.9", speed >= 0.9),
    ]


def download(server):
    with requests.Session() as session:
        session.headers["X-API-Key"] = server.api_key
        for page in range(1, CUSTOMERS // PAGE + 1):
            yield from session.get(f"{server.api}/customers", timeout=30, params={
                "per_page": PAGE, "page": page, "orderby": "id", "order": "asc"}).json()


def contact(record, countries):
    """What the flow's rules make of a customer; blank values are left out, as the flow does."""
    billing = record["billing"]
    vals = {
        "name": " ".join(f"{record['first_name']} {record['last_name']}".split()), "email": record["email"].lower(),
        "street": billing["address_1"], "street2": billing["address_2"], "city": billing["city"],
        "zip": billing["postcode"], "country_id": countries.get(billing["country"]), "phone": billing["phone"],
    }
    return {name: value for name, value in vals.items() if value}


def imported(context, flow_id):
    seconds = work(context, flow_id)
    found = states(context, flow_id)
    require(found == {"synced": CUSTOMERS}, f"states after the import: {found}")
    return seconds


def by_hand(context, user_id, values):
    with context.env(user_id, **NO_CHATTER) as env, quiet() as watch:
        for start in range(0, len(values), BATCH):
            env["res.partner"].create([dict(vals) for vals in values[start:start + BATCH]])
            env.cr.commit()
    return watch.seconds
