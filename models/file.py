from urllib.parse import quote

from odoo import fields, models
from odoo.exceptions import AccessError

MANAGER_GROUP = "integration_flow.group_integration_manager"


class IntegrationFile(models.Model):
    """One file of a flow: found in a folder and read once, or written under a name that no other file gets.

    A file that was found is the same as long as name, size and time of change are. A file that is written is noted, with
    its name, its rows and what they hold, before it leaves: a worker that dies leaves the next one all that it needs to find
    out whether it had arrived. Written by the engine; see ``engine/file_reading.py`` and ``engine/file_writing.py``.
    """

    _name = "integration.file"
    _description = "Integration File"
    _order = "id desc"
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade")
    connection_id = fields.Many2one(
        "integration.connection", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    run_id = fields.Many2one("integration.run", readonly=True, index="btree_not_null", ondelete="set null")
    direction = fields.Selection([("in", "Read"), ("out", "Written")], required=True, readonly=True)
    folder = fields.Char(readonly=True, help="Below the base URL of the connection.")
    name = fields.Char(required=True, readonly=True)
    number = fields.Integer(string="File Number", readonly=True, aggregator=None)
    state = fields.Selection([
        ("new", "To Be Read"), ("read", "Read"), ("failed", "Failed"), ("gone", "Gone"),
        ("open", "Not Confirmed Yet"), ("sent", "Sent"),
    ], required=True, readonly=True)
    size = fields.Float(string="Size (Bytes)", readonly=True, digits=(20, 0), aggregator=None)
    mtime = fields.Float(readonly=True, digits=(20, 0), aggregator=None, help="Seconds since 1970, by the server's clock.")
    modified_at = fields.Datetime(string="Changed There", readonly=True)
    checksum = fields.Char(string="SHA-256", readonly=True)
    record_count = fields.Integer(string="Records", readonly=True)
    create_date = fields.Datetime(string="Found or Written", readonly=True)
    done_at = fields.Datetime(string="Done", readonly=True)
    seen_at = fields.Datetime(string="Last Seen in Its Folder", readonly=True)
    in_folder = fields.Boolean(string="Still There", readonly=True)
    move_pending = fields.Boolean(readonly=True)
    moved_to = fields.Char(readonly=True)
    error_message = fields.Text(string="Problem", readonly=True)
    error_hint = fields.Text(string="What to Do", readonly=True)
    row_ids = fields.Json(groups=fields.NO_ACCESS)
    body = fields.Text(groups=fields.NO_ACCESS)

    _version_unique = models.UniqueIndex(
        "(flow_id, name, size, mtime) WHERE direction = 'in'", "This version of the file is known.")
    _number_unique = models.UniqueIndex("(flow_id, number) WHERE direction = 'out'", "Each file has a number of its own.")
    _flow_index = models.Index("(flow_id, state)")

    def action_read_again(self):
        """Read these files once more, as far as they are still in their folder."""
        if not (self.env.su or self.env.user.has_group(MANAGER_GROUP)):
            raise AccessError(self.env._("Only an integration manager may have files read again."))
        self.check_access("read")
        files = self.sudo().filtered(lambda file: file.direction == "in")
        files.write({"state": "new", "move_pending": False, "error_message": False, "error_hint": False})
        return files.flow_id._start("button")

    def action_open_rows(self):
        """The sync records of the run that has read it: rows that failed say in which line of the file they stand."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Rows"), "res_model": "integration.sync",
            "view_mode": "list,kanban,form", "domain": [("run_id", "=", self.run_id.id)],
        }

    def action_open_exchanges(self):
        """The calls that were made for this file, with its content as it was logged."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Requests and Responses"),
            "res_model": "integration.exchange", "view_mode": "list,form",
            "domain": [("flow_id", "=", self.flow_id.id), ("url", "=like", f"%/{_for_like(quote(self.name))}")],
        }


def _for_like(text):
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return text
