from . import test_import
from . import test_screens
from . import test_payloads
