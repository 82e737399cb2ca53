from odoo import api, models
from odoo.tools import ormcache

from ..engine import capture
from .flow import CAPTURING_STATES


class Base(models.AbstractModel):
    """Capture: every stored change of a watched model is noted in the transaction that makes it.

    ``_write_multi`` is what flush calls, so that computed stored fields are seen as well; ``write`` and
    ``_compute_field_value`` add the many2many fields, which flush does not carry. For a model that no flow watches,
    each override costs one look into a cached mapping.
    """

    _inherit = "base"

    @api.model
    @ormcache(cache="stable")
    def _integration_watched(self):
        """``{model name: {field name or '': ((flow id, path to the flow's model), ...)}}``; '' stands for creation
        and deletion. The path is '' for the flow's own model, else the field path that leads here."""
        return capture.build_watch_map(self.env, CAPTURING_STATES)

    @api.model
    @ormcache(cache="stable")
    def _integration_models(self):
        """Names of models that have an active flow, for the panel on their forms."""
        self.env.cr.execute(
            "SELECT DISTINCT model_name FROM integration_flow WHERE active AND state <> 'draft' AND direction <> 'publish'")
        return frozenset(name for (name,) in self.env.cr.fetchall())

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if self.pool.ready and self._name in (watched := capture.watched(self.env)):
            capture.note_created(records, watched[self._name])
        return records

    def write(self, vals):
        if self.pool.ready and self._name in (watched := capture.watched(self.env)):
            capture.note_before(self, vals, watched[self._name])
        return super().write(vals)

    def _write_multi(self, vals_list):
        if self.pool.ready and self._name in (watched := capture.watched(self.env)):
            capture.note_written(self, vals_list, watched[self._name])
        return super()._write_multi(vals_list)

    def _compute_field_value(self, field):
        if field.type == "many2many" and field.store and self.pool.ready and self._name in (
                watched := capture.watched(self.env)):
            capture.note_computed(self, field, watched[self._name])
        return super()._compute_field_value(field)

    def unlink(self):
        if self.pool.ready and self._name in (watched := capture.watched(self.env)):
            capture.note_deleted(self, watched[self._name])
        return super().unlink()
