"""What both sides have agreed on after a decision, as the engine remembers it: the model for the properties of the merge."""

from typing import Any

from integration_flow.core.ownership import Decision, Sides


def agreed_after(
    decision: Decision,
    *,
    agreed: Sides | None,
    odoo: Any,
    external: Any,
    external_as_odoo: Any,
    odoo_as_external: Any,
) -> Sides | None:
    """The agreed values to keep once the decision was carried out; with them the next merge does nothing.

    A conflict and a change that the direction keeps on its own side leave the agreement as it was. An
    overruled value that stays where it is becomes the known one of its side, so that it is logged once.

    """
    if decision.to_odoo:
        return Sides(external_as_odoo, external)
    if decision.to_external:
        return Sides(odoo, odoo_as_external)
    if decision.conflict:
        return agreed
    if decision.overruled:
        if agreed is None:
            return Sides(odoo, external)
        return agreed._replace(**{decision.overruled: odoo if decision.overruled == "odoo" else external})
    return Sides(odoo, external) if decision.reason == "equal" else agreed
