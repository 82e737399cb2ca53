"""What the web client asks the server for when somebody opens, filters, groups or searches a list, or opens a form.

Taken from the views as that user gets them: the same columns, default filter, order, limits of rows, groups and counting.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from odoo.fields import Domain
from odoo.tools.safe_eval import datetime as safe_datetime
from odoo.tools.safe_eval import safe_eval

# Of the web client: rows and groups of a page, groups that are opened by themselves, how far rows are counted.
PAGE = 80
OPEN_GROUPS = 10
COUNTED = 10_001
X2MANY_PAGE = 40
# A text that nothing contains is the hardest: the search cannot stop when a page is full.
NOWHERE = "zz 9 plural z"


@dataclass(frozen=True)
class Question:
    """One thing that somebody does with a list."""

    what: str
    domain: Domain
    group: str | None = None


class List:
    """The list (or kanban) behind an action, for one user."""

    def __init__(self, env, action):
        self.model = env[action["res_model"]].with_context(_context(env, action.get("context")))
        kind = action["view_mode"].split(",")[0]
        view_id = next((view for view, mode in action.get("views") or () if mode == kind), False)
        search_id = (action.get("search_view_id") or [False])[0] if action.get("search_view_id") else False
        got = self.model.get_views([(view_id, kind), (search_id, "search")])
        # Of a list that is not the addon's own: only filters with this in their name.
        self.ours = action.get("ours")
        self.kind = kind
        self.arch = etree.fromstring(got["views"][kind]["arch"])
        self.search = etree.fromstring(got["views"]["search"]["arch"])
        self.fields = got["models"][action["res_model"]]["fields"]
        self.domain = Domain(self._eval(action.get("domain") or "[]"))
        self.defaults = {
            name.removeprefix("search_default_") for name, value in self.model.env.context.items()
            if name.startswith("search_default_") and value}
        self.specification = specification(self.arch, self.model)
        self.order = self.arch.get("default_order")
        self.limit = int(self.arch.get("limit") or (40 if kind == "kanban" else PAGE))
        self.unfold = kind == "kanban" or self.arch.get("expand") == "1"
        self.aggregates = [
            f"{name}:{self.fields[name]['aggregator']}" for name in self.specification
            if self.fields[name].get("aggregator") and self.fields[name]["type"] in ("integer", "float", "monetary")]

    def _eval(self, text):
        if not isinstance(text, str):
            return text
        return safe_eval(text, {"uid": self.model.env.uid, "datetime": safe_datetime, "context_today": datetime.now,
                                "active_id": False, "self": None, **dict(self.model.env.context)})

    # -- what may be asked -----------------------------------------------------------------------------------

    def questions(self, rare):
        """All that the search view offers: as it opens, each filter, each group, each field to search in.

        :param rare: ``{field: text}`` that few rows contain; each is asked for, too
        """
        opened = self.domain & self._of_filters(self.defaults)
        groups = self._groups()
        own = self.arch.get("default_group_by") or next((groups[name] for name in self.defaults if name in groups), None)
        yield Question("opened", opened, own)
        if own:
            yield Question("opened, one group", opened)
        if self.defaults or self.domain:
            yield Question("without filter", Domain.TRUE)
        for node in self._filters():
            if (node.get("domain") or node.get("date")) and (not self.ours or self.ours in node.get("name", "")):
                yield Question(f"filter {node.get('name')}", self.domain & self._of_filter(node))
        if self.ours:
            return
        for name, group in groups.items():
            yield Question(f"by {name.removeprefix('group_')}", opened, group)
            if opened != Domain.TRUE:
                yield Question(f"by {name.removeprefix('group_')}, all", self.domain, group)
        for node in self.search.iter("field"):
            for text in filter(None, (NOWHERE, rare.get(node.get("name")))):
                if domain := self._of_text(node, text):
                    yield Question(f"search {node.get('name')} '{text}'", self.domain & domain)

    def _filters(self):
        return [node for node in self.search.iter("filter") if "group_by" not in (node.get("context") or "")]

    def _groups(self):
        found = {node.get("name"): self._eval(node.get("context"))["group_by"] for node in self.search.iter("filter")
                 if "group_by" in (node.get("context") or "")}
        return {name: group if isinstance(group, str) else group[0] for name, group in found.items()}

    def _of_filters(self, names):
        return Domain.AND([self._of_filter(node) for node in self._filters() if node.get("name") in names])

    def _of_filter(self, node):
        if node.get("date"):  # this month, as a rule
            name = node.get("date")
            return Domain(name, ">=", datetime.now() - timedelta(days=30)) & Domain(name, "<", datetime.now())
        return Domain(self._eval(node.get("domain") or "[]"))

    def _of_text(self, node, text):
        name = node.get("name")
        if node.get("filter_domain"):
            return Domain(safe_eval(node.get("filter_domain"), {"self": text, "uid": self.model.env.uid}))
        kind = self.model._fields[name].type
        if kind in ("char", "text", "html", "many2one", "one2many", "many2many"):
            return Domain(name, node.get("operator") or "ilike", text)
        if kind == "selection":
            return Domain(name, "=", self.model._fields[name].get_values(self.model.env)[0])
        return Domain(name, "=", 7) if kind in ("integer", "float", "many2one_reference") else None

    # -- asking ----------------------------------------------------------------------------------------------

    def ask(self, question):
        """As the web client does. Returns how many rows (or groups) there are."""
        if question.group:
            return self.model.with_context(read_group_expand=True).web_read_group(
                list(question.domain), [question.group], self.aggregates, limit=OPEN_GROUPS if self.unfold else PAGE,
                order=self.order or "", auto_unfold=self.unfold, opening_info=[],
                unfold_read_specification=self.specification, unfold_read_default_limit=self.limit,
                groupby_read_specification={})["length"]
        return self.model.with_context(bin_size=True).web_search_read(
            list(question.domain), self.specification, limit=self.limit, order=self.order or "",
            count_limit=COUNTED)["length"]


class Form:
    """The form of a model, for one user."""

    def __init__(self, env, model):
        self.model = env[model]
        got = self.model.get_views([(False, "form")])
        self.specification = specification(etree.fromstring(got["views"]["form"]["arch"]), self.model)

    def ask(self, record_id):
        return self.model.browse(record_id).web_read(self.specification)


def specification(arch, model):
    """The fields of a view with what is read of their records, as the web client asks for them."""
    found = {}
    for node in arch.iter("field"):
        if any(parent.tag == "field" for parent in node.iterancestors() if parent is not arch and _inside(parent, arch)):
            continue
        name = node.get("name")
        field = model._fields.get(name)
        if field is None:
            continue
        spec = found.setdefault(name, {})
        always_hidden = node.get("invisible") in ("1", "True")
        if field.type in ("many2one", "reference") and not always_hidden:
            spec["fields"] = {"display_name": {}}
        elif field.type in ("one2many", "many2many") and not always_hidden:
            inner = next((child for child in node if child.tag in ("list", "kanban")), None)
            if inner is not None:
                spec["fields"] = specification(inner, model.env[field.comodel_name])
                spec["limit"] = int(inner.get("limit") or X2MANY_PAGE)
                if inner.get("default_order"):
                    spec["order"] = inner.get("default_order")
            elif node.get("widget") in ("many2many_tags", "many2many_tags_avatar"):
                spec["fields"] = {"display_name": {}}
    return found


def _inside(node, arch):
    return arch in node.iterancestors()


def _context(env, text):
    if not text:
        return {}
    return safe_eval(text, {"uid": env.uid, "active_id": False, "active_ids": []}) if isinstance(text, str) else text
