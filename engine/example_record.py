"""A record of Odoo made of the values of an example, for a dry run that takes it back."""

from odoo.exceptions import UserError

from ..core.errors import SyncError
from . import failures


def example_record(env, model, values: dict):
    """A new record of ``model`` with these values. Related records by their external identifier or number.

    :param env: finds the identifiers, and speaks the language of whoever looks
    :raises SyncError: what Odoo says against it
    """
    vals = {}
    try:
        for name, value in values.items():
            field = model._fields.get(name)
            if field is None:
                raise SyncError("mapping", "no_such_field", params={"model": model._description, "field": name})
            vals[name] = _reference(env, field, value)
        with model.env.cr.savepoint():
            record = model.create(vals)
            model.env.flush_all()
            return record
    except Exception as error:
        raise failures.from_exception(model.env, model._name, error) from error


def _reference(env, field, value):
    if field.type == "many2one" and isinstance(value, str):
        return _by_identifier(env, value)
    if field.type == "many2many" and isinstance(value, list):
        return [(6, 0, [_by_identifier(env, each) if isinstance(each, str) else each for each in value])]
    if field.type == "one2many" and isinstance(value, list):
        comodel = env[field.comodel_name]
        return [(0, 0, {name: _reference(env, comodel._fields[name], each) if name in comodel._fields else each
                        for name, each in line.items()}) for line in value]
    return value


def _by_identifier(env, identifier: str) -> int:
    record = env.ref(identifier, raise_if_not_found=False)
    if not record:
        raise UserError(env._("there is no record %(identifier)s in this database.", identifier=identifier))
    return record.id
