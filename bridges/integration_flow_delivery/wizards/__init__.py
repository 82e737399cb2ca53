from . import label_print
from . import stock_return_picking
