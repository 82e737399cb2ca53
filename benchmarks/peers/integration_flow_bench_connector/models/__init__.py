from . import backend
from . import binding
