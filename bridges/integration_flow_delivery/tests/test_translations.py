from pathlib import Path

from odoo.tests import tagged

from odoo.addons.integration_flow.tests.test_translations import TranslationCase, TranslationTests


@tagged("post_install", "-at_install")
class TestTranslations(TranslationTests, TranslationCase):
    addon = "integration_flow_delivery"
    folder = Path(__file__).parent.parent / "i18n"
