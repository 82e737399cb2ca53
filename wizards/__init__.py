from . import dry_run
from . import recover
from . import run_reject
from . import sync_created
