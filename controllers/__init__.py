from . import webhook
from . import publish
