from . import blueprint_export
from . import blueprint_import
from . import dry_run
from . import recover
from . import run_reject
from . import sync_created
from . import suggest
