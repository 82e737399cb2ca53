from . import recover
from . import conflict_decide
from . import run_reject
from . import sync_created
