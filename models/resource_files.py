from odoo import api, fields, models


class IntegrationResource(models.Model):
    """What a system tells of the files whose addresses it was sent."""

    _inherit = "integration.resource"

    fetching_path = fields.Char(
        string="Still Fetching",
        help="For systems that fetch files after they have answered: a value of the record that is true while they are at "
             "it, for example media[?status=='PROCESSING']. The record is read again until it is not; that takes an "
             "operation Read One.")
    trouble_path = fields.Char(
        string="What Went Wrong",
        help="Where a record says why a file could not be fetched: a text or a list of them, for example "
             "media[].mediaErrors[].message. The record then fails in Odoo with these words.")

    @api.constrains("fetching_path", "trouble_path")
    def _check_file_paths(self):
        self._check_paths()
