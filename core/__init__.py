"""Pure functions of the framework: no Odoo, no network, no clock, no global state (DESIGN.md, section 2).

Imports inside are relative and stay inside, so that all of it is tested in milliseconds.
"""
