from lxml import etree

from odoo import api, models

USER_GROUP = "integration_flow.group_integration_user"
OUTSIDE_SUBVIEWS = "[not(ancestor::field)]"


class Base(models.AbstractModel):
    """The panel on business records: forms of every model with an active flow get a status button and a banner.

    The models' own views stay as they are. For all other models this costs one look into a cached set.
    """

    _inherit = "base"

    @api.model
    def _integration_has_panel(self, view_type):
        return (
            view_type == "form" and self.pool.ready and self._name in self.env["base"]._integration_models()
            and self.env.user.has_group(USER_GROUP))

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        key = super()._get_view_cache_key(view_id, view_type, **options)
        return (*key, "integration_panel") if self._integration_has_panel(view_type) else key

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if arch.tag == "form" and self._integration_has_panel(view_type):
            self._integration_add_panel(arch)
        return arch, view

    @api.model
    def _integration_add_panel(self, form):
        """Add the two widgets to the tree of a form: the button to its button box, the banner above its sheet."""
        sheet = next(iter(form.xpath(f".//sheet{OUTSIDE_SUBVIEWS}")), None)
        box = next(iter(form.xpath(f".//div[@name='button_box']{OUTSIDE_SUBVIEWS}")), None)
        if box is None:
            box = etree.Element("div", {"name": "button_box", "class": "oe_button_box"})
            if sheet is not None:
                sheet.insert(0, box)
            else:
                form.insert(self._integration_after_header(form), box)
        etree.SubElement(box, "widget", {"name": "integration_status_button", "invisible": "not id"})
        banner = etree.Element("widget", {"name": "integration_status_banner"})
        if sheet is not None:
            sheet.addprevious(banner)
        else:
            form.insert(self._integration_after_header(form), banner)

    @api.model
    def _integration_after_header(self, form):
        header = form.find("header")
        return 0 if header is None else form.index(header) + 1
