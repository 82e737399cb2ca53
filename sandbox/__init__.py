"""A runnable external system for demonstrations, tests and benchmarks: an online shop with faults on demand.

It imports nothing of the addon and nothing of Odoo. See README.md in this folder.
"""
