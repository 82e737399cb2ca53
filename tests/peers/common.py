"""Flows of a blueprint against a running system. ``./dev test --real`` starts the systems and says where they are; without
it these tests are skipped, with it nothing is left out in silence."""

import os
from unittest import SkipTest

from odoo.tests import TransactionCase

from odoo.addons.integration_flow.engine.worker import Worker

from ..common import FlowTools
from ..replay import ReplayCase

PASSWORD = "INTEGRATION_REAL_PASSWORD"


def real_address(name):
    """The address of a running system, by the name of its environment variable."""
    address = os.environ.get(name)
    if not address and PASSWORD in os.environ:
        raise AssertionError(f"./dev test --real did not start the system whose address is {name}.")
    if not address:
        raise SkipTest("The system is not there: ./dev test --real starts it.")
    return address


class PeerCase(FlowTools, TransactionCase):
    """The blueprint is imported, address and credentials are entered, the flows are in test mode: nothing else is done.

    What one test leaves in the other system, the next one finds there.
    """

    blueprint = ""
    system = None  # class of ``systems``
    variable = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        url = real_address(cls.variable)
        cls.require_apps()
        cls.peer = cls.system(url, os.environ[PASSWORD])
        cls.env.ref("base.EUR").active = True
        cls.flows = cls.env["integration.blueprint"]._apply_file(cls.blueprint, connection_vals={
            cls.blueprint: {"base_url": url, "auth_secret_input": cls.peer.secret}})
        cls.connection = next(iter(cls.flows.values())).connection_id
        cls.flows_to_test()

    @classmethod
    def require_apps(cls):
        """The blueprint's apps: where they are missing, the database of these tests is not the one that they are for."""
        try:
            ReplayCase.require_apps.__func__(cls)
        except SkipTest as missing:
            raise AssertionError(
                f"The blueprint {cls.blueprint} {missing}: install what is named, none of its tests has run.") from None

    @classmethod
    def flows_to_test(cls):
        for flow in cls.flows.values():
            flow.retry_jitter = 0
            flow.action_test_mode()

    def work(self, connection=None):
        """The connection's worker, called directly: what it does not expect fails the test here."""
        self.env.cr.flush()  # as a commit begins: write, then capture
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            env = self.env(cr=cr, su=True)
            Worker(env, env["integration.connection"].browse((connection or self.connection).id)).run()
        self.env.invalidate_all()

    def sync_of(self, code, record):
        return self.env["integration.sync"].search([("flow_id", "=", self.flows[code].id), ("res_id", "=", record.id)])

    def told(self, sync):
        return f"{sync.state} {sync.error_class} {sync.error_message} {sync.error_hint}\n{(sync.error_detail or '')[-800:]}"

    def assertState(self, sync, state):
        self.assertEqual(sync.state, state, self.told(sync))
