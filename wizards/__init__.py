from . import recover
from . import run_reject
from . import sync_created
from . import why_not
