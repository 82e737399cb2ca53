from . import recover
