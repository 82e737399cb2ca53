from odoo import http
from odoo.addons.web.controllers.dataset import DataSet
from odoo.http import request


class GateDataSet(DataSet):
    """Buttons that wait for another system: it is asked before the button's own code runs.

    Only what people press in the web client comes by here. Imports, scheduled actions and other programs are not stopped:
    nobody would be there to read why.
    """

    @http.route()
    def call_button(self, model, method, args, kwargs, path=None):
        flows = request.env["integration.flow"]
        if (model, method) in flows._gates() and args and isinstance(args[0], list):
            flows._pass_gates(model, method, args[0])
        return super().call_button(model, method, args, kwargs, path=path)
