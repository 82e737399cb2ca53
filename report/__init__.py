from . import specification
