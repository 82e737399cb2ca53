from . import consumer_token
from . import recover
from . import conflict_decide
from . import run_reject
from . import run_revert
from . import sync_created
from . import why_not
from . import flow_move
