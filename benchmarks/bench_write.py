"""What the addon adds to a write: the same lightest write on three copies of one database.

- *plain*: the addon's code is not loaded; its (empty) tables are there, so that the copies differ in code alone
- *idle*: the addon is loaded, no flow looks at contacts
- *watched*: a live flow exports contacts, among them the field that is written

The lightest write is the one on which any addition shows most: one text field without tracking, 500 contacts, one
flush. The clock stops before the commit, whose wait for the disk is far longer than what is measured; a second figure
has a commit for each contact. The three registries take turns in one process; every round gives one ratio of
neighbours, and the figure is the median of those ratios with its 95 % confidence interval (bootstrap). The verdict is
that of the median: near the target, the interval says how much it means.
"""

import random
from contextlib import ExitStack

from common import copied_database, environment, figure, make_flow, median, quiet, say, shop

CONTACTS = 500
COMMITS = 100
ROUNDS = 61
COMMIT_ROUNDS = 15
SAMPLES = 2_000


def main(context):
    with shop(0) as server, ExitStack() as stack:
        with context.env(tracking_disable=True) as env:
            ids = env["res.partner"].create([{"name": f"Written {number}"} for number in range(CONTACTS)]).ids
        plain = stack.enter_context(copied_database(context, "plain", with_addon=False))
        idle = stack.enter_context(copied_database(context, "idle"))
        with context.env() as env:
            make_flow(env, server, direction="export", timing="live", rules=[
                {"code": "street2", "odoo_path": "street2", "external_path": "billing.address_2", "transform": "text",
                 "owner": "odoo"}])
        sides = {"plain": plain, "idle": idle, "watched": context.registry}
        flushed = rounds(sides, ROUNDS, lambda registry, number: one_flush(registry, ids, number))
        committed = rounds(sides, COMMIT_ROUNDS, lambda registry, number: commit_each(registry, ids[:COMMITS], number))
    return [
        figure("write, addon not loaded", 1e6 * median(flushed["plain"]) / CONTACTS, "µs a contact, one flush for 500"),
        *compared("unwatched model, one flush for 500", flushed, "idle", "≤ 1.01", 1.01),
        *compared("watched model, one flush for 500", flushed, "watched", "≤ 1.10", 1.10),
        *compared("unwatched model, a commit each", committed, "idle", "≤ 1.01", 1.01),
        *compared("watched model, a commit each", committed, "watched", "≤ 1.10", 1.10),
    ]


def rounds(sides, count, measure):
    """``{side: [seconds, ...]}``: all sides in turn, beginning with another one in each round."""
    names = list(sides)
    seconds = {name: [] for name in names}
    for number in range(count + 1):
        for name in names[number % len(names):] + names[:number % len(names)]:
            taken = measure(sides[name], number)
            if number:  # the first round warms up
                seconds[name].append(taken)
    return seconds


def one_flush(registry, ids, number):
    with registry.cursor() as cr:
        env = environment(registry, cr, tracking_disable=True)
        contacts = env["res.partner"].browse(ids)
        contacts.fetch(["street2"])
        with quiet() as watch:
            for contact in contacts:
                contact.street2 = f"{number}/{contact.id}"
            cr.flush()  # what a commit does first: flush, then capture
        cr.rollback()
    return watch.seconds


def commit_each(registry, ids, number):
    with registry.cursor() as cr:
        env = environment(registry, cr, tracking_disable=True)
        with quiet() as watch:
            for contact_id in ids:
                env["res.partner"].browse(contact_id).street2 = f"{number}/{contact_id}"
                cr.commit()
    with registry.cursor() as cr:
        cr.execute("DELETE FROM integration_capture")
        cr.execute("DELETE FROM ir_cron_trigger")
    return watch.seconds


def compared(name, seconds, side, target=None, limit=None):
    ratios = [ours / plain for ours, plain in zip(seconds[side], seconds["plain"], strict=True)]
    value = median(ratios)
    low, high = interval(ratios)
    say(f"{name}: {value:.3f} ({low:.3f}–{high:.3f})")
    return [figure(
        name, value, f"× without the addon (95 %: {low:.3f}–{high:.3f}, {len(ratios)} rounds)", target,
        None if limit is None else value <= limit)]


def interval(ratios):
    """95 % confidence interval of the median, by drawing from the ratios again and again."""
    draw = random.Random(0)
    medians = sorted(median(draw.choices(ratios, k=len(ratios))) for _sample in range(SAMPLES))
    return medians[int(0.025 * SAMPLES)], medians[int(0.975 * SAMPLES)]
