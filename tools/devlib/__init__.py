"""What ``./dev`` is made of.  Standard library only; nothing here imports Odoo or the addon.

==============  =====================================================================
``cli``         subcommands and their options
``console``     progress, and failures that say what, why and what to do
``places``      every path and name: cache folders, database names, hashes
``processes``   children that never outlive ``./dev``
``debian``      packages unpacked into the cache, without installing anything
``environment`` Odoo 19 and its virtual environment
``postgres``    the private cluster, or the server that ``PG*`` names
``databases``   templates, clones, throw-away databases
``peers``       addons of others: the optional job queue, what benchmarks compare with
``services``    the sandbox system and the Odoo server
``parts``       the parts of ``./dev test`` and ``./dev lint``
``commands``    one function per subcommand
==============  =====================================================================
"""
