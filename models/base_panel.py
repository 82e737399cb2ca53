import hashlib

from lxml import etree

from odoo import api, models
from odoo.tools import ormcache

USER_GROUP = "integration_flow.group_integration_user"
OUTSIDE_SUBVIEWS = "[not(ancestor::field)]"
SUBVIEWS = ("form", "list", "kanban")
TEXTS = ("string", "help", "selection")
# How the field that says what is owned stands in each kind of view: loaded with the record, never seen.
HIDDEN = {"form": {"invisible": "1"}, "list": {"column_invisible": "1"}, "kanban": {}}
STATE_COLUMN = """
    <field name="integration_state" widget="badge" optional="hide" width="124px"
           decoration-info="integration_state in ('pending', 'processing')"
           decoration-muted="integration_state in ('none', 'waiting', 'excluded', 'skipped')"
           decoration-success="integration_state == 'synced'"
           decoration-warning="integration_state in ('held', 'unknown')"
           decoration-danger="integration_state in ('failed', 'conflict')"/>"""


class Base(models.AbstractModel):
    """What views of business records get from us: on forms a status button and a banner, in lists the state as a column and
    filters for it, and everywhere the badges and locks of fields that another system owns.

    The models' own views stay as they are. For models without flows this costs one look into a cached value.
    """

    _inherit = "base"

    @api.model
    def _integration_has_panel(self, view_type):
        return (
            view_type in ("form", "list", "search") and self.pool.ready
            and self._name in self.env["base"]._integration_models() and self.env.user.has_group(USER_GROUP))

    @api.model
    @ormcache(cache="stable")
    def _integration_views_mark(self):
        """Changes whenever other models get something into their views; '' when none does."""
        concerned = [sorted(self._integration_models()), sorted(self._integration_owned_rules())]
        return hashlib.blake2b(repr(concerned).encode(), digest_size=6).hexdigest() if any(concerned) else ""

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        key = super()._get_view_cache_key(view_id, view_type, **options)
        # Also views of models without a flow have lists of records that have one.
        mark = self.pool.ready and self.env["base"]._integration_views_mark()
        return (*key, mark, self.env.user.has_group(USER_GROUP)) if mark else key

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if self.pool.ready and self.env["base"]._integration_views_mark():
            if self._integration_has_panel(arch.tag):
                getattr(self, f"_integration_add_to_{arch.tag}")(arch)
            if arch.tag in SUBVIEWS:
                _add_owned(self.env, arch, self._name, self.env["base"]._integration_owned_rules())
        return arch, view

    @api.model
    def _get_view_fields(self, view_type, models):
        names = super()._get_view_fields(view_type, models)
        if view_type == "search" and self._name in names:
            hidden = self._integration_hidden_fields()
            names[self._name] = [name for name in names[self._name] if name not in hidden]
        return names

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """Our fields are on every model, but people meet them only where there are flows, and no export or ``read`` of
        all fields computes them. Their texts are translated once, with ``base``: no addon has those of all models."""
        found = super().fields_get(allfields, attributes)
        if self._name != "base" and "integration_state" in found:
            ours = self.env["base"].fields_get(["integration_state"])["integration_state"]
            found["integration_state"].update({key: ours[key] for key in TEXTS if key in found["integration_state"]})
        if not allfields:
            for name in self._integration_hidden_fields():
                found.pop(name, None)
        return found

    @api.model
    def _integration_hidden_fields(self):
        hidden = {"integration_owned"}
        if not self._integration_has_panel("search"):
            hidden.add("integration_state")
        return hidden

    @api.model
    def _integration_add_to_form(self, form):
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

    @api.model
    def _integration_add_to_list(self, view):
        view.append(etree.fromstring(STATE_COLUMN))

    @api.model
    def _integration_add_to_search(self, search):
        """Three filters, before the groupings if there are any."""
        filters = [etree.Element("separator")] + [
            etree.Element("filter", {"name": f"integration_{name}", "string": label, "domain": repr(domain)})
            for name, label, domain in (
                ("not_synced", self.env._("Not Synced"), [("integration_state", "=", "none")]),
                ("failed", self.env._("Sync Failed"), [("integration_state", "in", ["failed", "conflict", "unknown"])]),
                ("pending", self.env._("Sync Pending"),
                 [("integration_state", "in", ["pending", "processing", "waiting", "held"])]))]
        group = search.find("group")
        for node in filters:
            if group is not None:
                group.addprevious(node)
            else:
                search.append(node)


def _add_owned(env, view, model_name, owned) -> None:
    """Have a view, and the views within it, load what is owned of each record."""
    for node in [child for child in view if isinstance(child.tag, str)]:
        _look_for_subviews(env, node, model_name, owned)
    if model_name in owned:
        view.insert(0 if view.tag == "kanban" else len(view), etree.Element(
            "field", {"name": "integration_owned", **HIDDEN[view.tag]}))


def _look_for_subviews(env, node, model_name, owned) -> None:
    if node.tag == "groupby":
        return  # fields of another model, that nobody edits
    subviews = [child for child in node if child.tag in SUBVIEWS] if node.tag == "field" else []
    if subviews:
        field = env[model_name]._fields.get(node.get("name"))
        if field is not None and field.comodel_name in env:
            for subview in subviews:
                _add_owned(env, subview, field.comodel_name, owned)
        return
    for child in node:
        if isinstance(child.tag, str):
            _look_for_subviews(env, child, model_name, owned)
