from . import delivery_carrier
from . import delivery_rate
from . import sale_order
from . import stock_move
from . import stock_picking
from . import stock_picking_customs
from . import stock_picking_label
