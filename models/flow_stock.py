from odoo import models

QUANTS = ("stock.quant", "stock_quant_ids", ("quantity", "location_id", "product_id"))
RESERVED = ("stock.quant", "stock_quant_ids", ("quantity", "reserved_quantity", "location_id", "product_id"))
MOVES = ("stock.move", "stock_move_ids", ("state", "product_qty", "location_id", "location_dest_id", "product_id"))
# Quantities that Odoo computes when somebody looks, and what is written when they change.
MADE_OF = {
    "qty_available": (QUANTS,), "free_qty": (RESERVED,), "incoming_qty": (MOVES,), "outgoing_qty": (MOVES,),
    "virtual_available": (QUANTS, MOVES)}
TO_VARIANTS = {"product.product": "", "product.template": "product_variant_ids."}


class IntegrationFlow(models.Model):
    """Flows that send stock look at what stock is made of."""

    _inherit = "integration.flow"

    def _extra_watches(self):
        yield from super()._extra_watches()
        to_variants = TO_VARIANTS.get(self.model_name)
        if to_variants is None or self.direction not in ("export", "both") or "stock.quant" not in self.env:
            return
        sent = self.rule_ids.filtered(lambda rule: rule.active and rule.direction != "import").mapped("odoo_path")
        for model, path, names in dict.fromkeys(source for name in sent for source in MADE_OF.get(name, ())):
            yield model, "", to_variants + path, False
            for name in names:
                yield model, name, to_variants + path, name == "product_id"
