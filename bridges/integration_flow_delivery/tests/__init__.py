from . import test_carrier
from . import test_customs
from . import test_parcels
from . import test_print_labels
from . import test_rates
from . import test_translations
