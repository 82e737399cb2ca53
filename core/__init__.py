"""Pure functions of the framework: no Odoo, no network, no clock, no global state (DESIGN.md, section 2).

Imports inside are relative and stay inside, so that everything here is tested in milliseconds without a database.
"""
