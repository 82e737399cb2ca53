import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import paths
from ..core.errors import SyncError


class IntegrationRequestStep(models.Model):
    """One call of a request flow. The first one sends what the field rules say; later ones use the answers so far."""

    _name = "integration.request.step"
    _description = "Integration Request Call"
    _order = "flow_id, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    operation_id = fields.Many2one(
        "integration.operation", required=True, ondelete="restrict", index=True, string="Call",
        domain="[('resource_id.api_name', '=', parent.api_name)]")
    name = fields.Char(
        help="Under this name the answer of a later call stands in the record that the field rules read.")
    body = fields.Text(
        help="What a later call sends, as JSON. {=path} takes a value of the answers so far, for example "
             "{\"rate\": \"{=rates[?service=='{sent.service}'].id | [0]}\"}.")
    done_path = fields.Char(
        string="Not Needed If",
        help="JMESPath on what is known so far: where it is true the call is left out. After a lost answer the record is "
             "read first, so that nothing is bought twice, for example status == 'purchased'.")
    each_path = fields.Char(
        string="Once for Each Of",
        help="JMESPath of a list in the answers so far: the call is made for every item of it, which stands in its path "
             "and file name as item, for example {+item.url}, with {number} beside it. An item is fetched once; one that "
             "cannot be had is left out and asked for again with the next request.")
    post_path = fields.Char(
        string="Note", help="JMESPath in the answer of a text, or of several, that is written into the chatter of the "
                            "record: each text once.")
    attach_path = fields.Char(
        string="Attach", help="JMESPath in the answer of a file to attach to the record, with content (Base64) and "
                              "content_type: @ for a call whose format is File.")
    attach_name = fields.Char(string="File Name", help="For example Label {tracking_number}. The ending is added.")
    is_draft = fields.Boolean(
        string="Only a Draft",
        help="What this call makes costs nothing until a later call makes it binding, and is valid only for what was sent. "
             "If the record says something else when the request goes on, the draft is made anew.")
    discard_operation_id = fields.Many2one(
        "integration.operation", ondelete="restrict", index="btree_not_null", string="Cancel Draft By",
        domain="[('resource_id.api_name', '=', parent.api_name)]",
        help="The call that cancels a draft which is not valid any more. Empty: it stays over there, and the log names it.")

    @api.constrains("body", "done_path", "attach_path", "each_path", "post_path")
    def _check_step(self):
        for step in self:
            try:
                for path in (step.done_path, step.attach_path, step.each_path, step.post_path):
                    if path:
                        paths.compile_path(path)
                if step.body:
                    json.loads(step.body)
            except (SyncError, ValueError) as error:
                reason = error.params.get("reason", "") if isinstance(error, SyncError) else error
                raise ValidationError(self.env._(
                    "%(flow)s, call %(call)s: the path or the body cannot be read: %(reason)s",
                    flow=step.flow_id.name, call=step.operation_id.display_name, reason=reason)) from error
