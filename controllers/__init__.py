from . import webhook
from . import publish
from . import guides
from . import gate
