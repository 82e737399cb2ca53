"""Start the shop: ``python -m integration_flow.sandbox``, or by path: ``python sandbox/__main__.py``.

Started by path there is no parent package, and importing the real one would import Odoo. This folder then
becomes a package of its own, so that the relative imports below work the same in both cases.
"""

import sys

if not __package__:
    import importlib.util
    from pathlib import Path

    folder = Path(__file__).resolve().parent
    # Python put this folder first on the path; its modules must not shadow others of the same name.
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != folder]
    __package__ = "integration_flow_sandbox"
    spec = importlib.util.spec_from_file_location(
        __package__, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[__package__] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[__package__])

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
