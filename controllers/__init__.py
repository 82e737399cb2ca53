from . import webhook
from . import publish
from . import gate
