import json
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import jsonschema

from odoo import api, models
from odoo.exceptions import AccessError, UserError, ValidationError

SCHEMA_FILE = Path(__file__).parent.parent / "blueprints" / "blueprint.schema.json"
LONGEST_FILE = 10 * 1024 * 1024


@lru_cache(maxsize=1)
def _load_schema():
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))



@contextmanager
def located(path):
    """What Odoo refuses within this block is told with the place in the file."""
    try:
        yield
    except (UserError, ValidationError) as error:
        if isinstance(error, AccessError) or getattr(error, "blueprint_path", None):
            raise
        text = f"{path}: {error}"
        told = ValidationError(text) if isinstance(error, ValidationError) else UserError(text)
        told.blueprint_path = path
        raise told from error


class IntegrationBlueprint(models.AbstractModel):
    """Whole flows with their resources, rules, maps, guardrails and test cases as one JSON file, without secrets.

    Everything in a blueprint has a code; importing the same file again changes nothing. A connection that exists already
    keeps its address and credentials. Resources, operations, rules and guardrails become exactly what the file says; what a
    flow says beside them (timing, batch size) is changed only where the file says it, since people tune it. Mapped values
    and test cases that people have added stay.

    The parts: ``blueprint_apply.py`` writes, ``blueprint_export.py`` reads, ``blueprint_compare.py`` tells the difference;
    what they know of each model stands in the schema (its properties, and the marks that begin with ``x-``).
    """

    _name = "integration.blueprint"
    _description = "Integration Blueprint"

    # -- the schema ----------------------------------------------------------------------------------------

    @api.model
    def _schema(self):
        return _load_schema()

    @api.model
    def _validate(self, data):
        """Raise a UserError that names the place in the file when ``data`` is not a valid blueprint."""
        validator = jsonschema.Draft202012Validator(self._schema())
        errors = sorted(validator.iter_errors(data), key=lambda error: [str(step) for step in error.absolute_path])
        if errors:
            raise UserError(self.env._("This blueprint is not valid:\n%(problems)s", problems="\n".join(
                f"• {'/'.join(str(part) for part in error.absolute_path) or '/'}: {error.message[:200]}"
                for error in errors[:10])))

    @api.model
    def _parse(self, text):
        """The decoded and valid blueprint that a file holds.

        :param text: bytes or text of the file
        :raises UserError: that says where in the file the mistake is
        """
        if len(text) > LONGEST_FILE:
            raise UserError(self.env._("This file is too large to be a blueprint."))
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(self.env._("This file is not valid JSON: %(reason)s", reason=error)) from error
        self._validate(data)
        return data

    def _properties(self, section):
        """The names that the schema knows for the entries of a section, for rules, operations, or lists of a flow."""
        return self._entry_schema(section)["properties"]

    def _entry_schema(self, section):
        schema = self._schema()
        if section == "rules":
            return schema["$defs"]["rule"]
        if section == "operations":
            return schema["properties"]["resources"]["items"]["properties"]["operations"]["items"]
        if section in schema["properties"]:
            return schema["properties"][section]["items"]
        return schema["properties"]["flows"]["items"]["properties"][section]["items"]

    def _flow_lists(self):
        """``{name: its schema}`` of the lists that belong to a flow and are no rules: each is one model."""
        properties = self._properties("flows")
        return {name: shape for name, shape in properties.items() if shape.get("x-model") in self.env}

    # -- importing -----------------------------------------------------------------------------------------

    def _check_may_import(self):
        if not (self.env.su or self.env.user.has_group("integration_flow.group_integration_secrets")):
            raise AccessError(self.env._("Only a technical administrator of integrations may import blueprints."))

    @api.model
    def _apply(self, data, *, connection_vals=None):
        """Create or update everything in the blueprint.

        :param dict data: decoded blueprint file
        :param dict connection_vals: ``{connection code: vals}`` that replace the file's (addresses, secrets)
        :return: the flows, by code, as ``{code: integration.flow record}``
        :raises UserError: when the file is not valid, or names a model or field that this database has not
        """
        self._check_may_import()
        self._validate(data)
        missing = self._missing_apps(data)
        if missing:
            raise UserError(self.env._(
                "This blueprint needs apps that are not installed: %(apps)s. Install them first.",
                apps=", ".join(missing)))
        return self._apply_valid(data, connection_vals or {})

    @api.model
    def _apply_file(self, name, *, connection_vals=None):
        """Apply one of the addon's own blueprints by its file name without ending."""
        return self._apply(self._shipped(name), connection_vals=connection_vals)

    def _missing_apps(self, data):
        """Technical names of the apps that the blueprint needs and this database has not."""
        return [name for name in data.get("requires", []) if not self._module_installed(name)]

    def _module_installed(self, name):
        return bool(self.env["ir.module.module"].sudo().search_count(
            [("name", "=", name), ("state", "=", "installed")], limit=1))

    # -- the addon's own files -----------------------------------------------------------------------------

    @api.model
    def _shipped_names(self):
        """Names of the blueprints that come with the addon."""
        return sorted(path.stem for path in SCHEMA_FILE.parent.glob("*.json") if path != SCHEMA_FILE)

    @api.model
    def _shipped(self, name):
        """One of the addon's own blueprints, decoded."""
        if name not in self._shipped_names():
            raise UserError(self.env._("There is no blueprint %(name)s.", name=name))
        return json.loads((SCHEMA_FILE.parent / f"{name}.json").read_text(encoding="utf-8"))
