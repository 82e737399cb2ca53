"""The business actions that a status may run, by model: a guarded list, because a rule names no method by itself.

An addon adds its own by inheriting ``integration.status.rule`` and extending ``_status_actions``; see the developer guide.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)


class StatusAction(NamedTuple):
    """One action: what people read, what is called with the records, and how it behaves.

    ``many``: may it be called with several records at once? ``done``: for actions that change no stage, whether a
    record shows that it was done already; it is not done again then.
    """

    label: Any
    run: Callable[[Any], Any]
    many: bool = True
    done: Callable[[Any], bool] | None = None

    def text(self, env) -> str:
        """The label in the language of ``env`` (what env._ does; it takes literals only)."""
        translate = getattr(self.label, "_translate", None)
        return translate(env.lang or "en_US") if translate else str(self.label)


def _validate(pickings, *, backorder: bool = True, all_sent: bool = False):
    """Validate transfers without the questions that Odoo asks people.

    :param backorder: what was not moved becomes a new transfer; else it is cancelled
    :param all_sent: nothing was counted in Odoo: what was ordered is what was moved
    """
    if drafts := pickings.filtered(lambda picking: picking.state == "draft"):
        drafts.action_confirm()
    if waiting := pickings.filtered(lambda picking: picking.state == "confirmed"):
        waiting.action_assign()
    if all_sent:
        for move in pickings.move_ids.filtered(lambda move: move.state not in ("done", "cancel")):
            if move.quantity != move.product_uom_qty:
                move.quantity = move.product_uom_qty
    quiet = pickings.with_context(skip_backorder=True, skip_sms=True)
    if not backorder:
        quiet = quiet.with_context(picking_ids_not_to_backorder=pickings.ids)
    return quiet.button_validate()


ACTIONS = {
    "sale.order": {
        "action_confirm": StatusAction(_lt("Confirm"), lambda orders: orders.action_confirm()),
        "action_cancel": StatusAction(_lt("Cancel"), lambda orders: orders._action_cancel()),
        "action_draft": StatusAction(_lt("Set to Quotation"), lambda orders: orders.action_draft()),
        "action_lock": StatusAction(
            _lt("Lock"), lambda orders: orders.action_lock(), done=lambda order: order.locked),
        "action_unlock": StatusAction(
            _lt("Unlock"), lambda orders: orders.action_unlock(), done=lambda order: not order.locked),
    },
    "purchase.order": {
        "button_confirm": StatusAction(_lt("Confirm"), lambda orders: orders.button_confirm()),
        "button_approve": StatusAction(_lt("Approve"), lambda orders: orders.button_approve()),
        "button_cancel": StatusAction(_lt("Cancel"), lambda orders: orders.button_cancel()),
    },
    "stock.picking": {
        "action_confirm": StatusAction(_lt("Confirm"), lambda pickings: pickings.action_confirm()),
        "action_assign": StatusAction(_lt("Check Availability"), lambda pickings: pickings.action_assign()),
        "button_validate": StatusAction(_lt("Validate, Backorder for the Rest"), _validate),
        "validate_no_backorder": StatusAction(
            _lt("Validate, No Backorder"), lambda pickings: _validate(pickings, backorder=False)),
        "validate_all": StatusAction(
            _lt("Validate, Everything Was Moved"), lambda pickings: _validate(pickings, all_sent=True)),
        "action_cancel": StatusAction(_lt("Cancel"), lambda pickings: pickings.action_cancel()),
    },
    "account.move": {
        "action_post": StatusAction(_lt("Post"), lambda moves: moves.action_post()),
        "button_draft": StatusAction(_lt("Reset to Draft"), lambda moves: moves.button_draft()),
        "button_cancel": StatusAction(_lt("Cancel"), lambda moves: moves.button_cancel()),
    },
    "mrp.production": {
        "action_confirm": StatusAction(_lt("Confirm"), lambda orders: orders.action_confirm()),
        "action_cancel": StatusAction(_lt("Cancel"), lambda orders: orders.action_cancel()),
    },
    "crm.lead": {
        "action_set_won": StatusAction(_lt("Mark Won"), lambda leads: leads.action_set_won()),
        "action_set_lost": StatusAction(
            _lt("Mark Lost"), lambda leads: leads.action_set_lost(),
            done=lambda lead: not lead.active and not lead.probability),
    },
}
