"""A record of Odoo made of the values of an example, for a dry run that takes it back."""

from odoo.exceptions import UserError

from ..core.errors import SyncError
from . import failures


def example_record(env, model, values: dict):
    """A new record of ``model`` with these values. Related records by their external identifier or number, or
    as an object of their own values.

    :param env: finds the identifiers, and speaks the language of whoever looks
    :raises SyncError: what Odoo says against it
    """
    vals = {}
    try:
        for name, value in values.items():
            field = model._fields.get(name)
            if field is None:
                raise SyncError("mapping", "no_such_field", params={"model": model._description, "field": name})
            vals[name] = _reference(env, model.env, field, value)
        with model.env.cr.savepoint():
            record = model.create(vals)
            model.env.flush_all()
            return record
    except SyncError:
        raise
    except Exception as error:
        raise failures.from_exception(model.env, model._name, error) from error


def _reference(env, user_env, field, value):
    if field.type == "many2one":
        return _related(env, user_env, field, value)
    if field.type == "many2many" and isinstance(value, list):
        return [(6, 0, [_related(env, user_env, field, each) for each in value])]
    if field.type == "one2many" and isinstance(value, list):
        return [(0, 0, _references(env, user_env, field, line)) for line in value]
    return value


def _references(env, user_env, field, values: dict) -> dict:
    """Values of a record that ``field`` leads to."""
    comodel = env[field.comodel_name]
    return {name: _reference(env, user_env, comodel._fields[name], each) if name in comodel._fields else each
            for name, each in values.items()}


def _related(env, user_env, field, value):
    """A new related record is made with the rights of the flow's user, as the record itself."""
    if not isinstance(value, dict):
        return _by_identifier(env, value) if isinstance(value, str) else value
    values = _references(env, user_env, field, value)
    try:
        return user_env[field.comodel_name].create(values).id
    except Exception as error:  # told with the record that it is about
        raise failures.from_exception(user_env, field.comodel_name, error) from error


def _by_identifier(env, identifier: str) -> int:
    record = env.ref(identifier, raise_if_not_found=False)
    if not record:
        raise UserError(env._("there is no record %(identifier)s in this database.", identifier=identifier))
    return record.id
