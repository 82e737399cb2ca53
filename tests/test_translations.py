"""The files of ``i18n/``: complete, whole, and used."""

import io
import re
from collections import Counter
from pathlib import Path

import polib

from odoo.tests import tagged
from odoo.tools.translate import trans_export

from ..core.errors import SyncError
from ..engine.messages import explain
from .common import FlowCase

LANGUAGES = {"de": "de_DE", "fr": "fr_FR"}
UPDATE = "Run ./dev translations, then translate what is empty in the files of i18n/."
# What has to be in a translation as often as in the term: placeholders of Python, of templates and of QWeb, and tags.
KEPT = re.compile(r"%\(\w+\)[sd]|%s|%%|<[^<>]+>|\{\{?\w+\}?\}")
# Attributes of a tag may be translated (title, placeholder), its name may not.
TAG = re.compile(r"^<(/?\w+).*$", re.S)
# As people write it: a word between blanks, so that addresses and names of parameters are none.
WORD = re.compile(r"(?<!\S)[A-Za-z]{3,}[.,:;?!]?(?!\S)")


def parts_to_keep(text):
    return Counter(TAG.sub(r"<\1>", found) for found in KEPT.findall(text))


class TranslationCase(FlowCase):
    """What the files of an addon have to be."""

    addon = "integration_flow"
    folder = Path(__file__).parent.parent / "i18n"

    def terms(self, name):
        return [entry for entry in polib.pofile(str(self.folder / name)) if not entry.obsolete]

    def is_ours(self, place):
        """Other modules add fields to models of ours, through mixins; they are translated there. Bridges are, too."""
        if "addons/integration_flow/bridges/" in place:
            return False
        if not place.startswith("model:ir.model.fields,"):
            return True
        field = self.env.ref(place.rsplit(":", 1)[-1])
        return bool({self.addon, "base", "mail"} & set(self.env[field.model]._fields[field.name]._modules))

    def ours(self):
        buffer = io.BytesIO()
        trans_export(None, [self.addon], buffer, "po", self.env)
        exported = polib.pofile(buffer.getvalue().decode())
        return {entry.msgid for entry in exported if any(self.is_ours(place) for place, _line in entry.occurrences)}, {
            entry.msgid for entry in exported}


class TranslationTests:
    """Of one addon: ours, and each bridge."""

    def test_the_template_has_every_term(self):
        ours, exported = self.ours()
        template = {entry.msgid for entry in self.terms(f"{self.addon}.pot")}
        self.assertEqual(sorted(ours - template), [], f"New terms. {UPDATE}")
        self.assertEqual(sorted(template - exported), [], f"Terms that are gone. {UPDATE}")

    def test_each_language_is_complete(self):
        template = {entry.msgid for entry in self.terms(f"{self.addon}.pot")}
        for language in LANGUAGES:
            with self.subTest(language=language):
                entries = self.terms(f"{language}.po")
                self.assertEqual({entry.msgid for entry in entries} ^ template, set(), UPDATE)
                self.assertEqual([entry.msgid for entry in entries if not entry.msgstr.strip() or entry.fuzzy], [], UPDATE)

    def test_placeholders_and_tags_are_kept(self):
        for language in LANGUAGES:
            broken = [
                f"{entry.msgid!r} -> {entry.msgstr!r}" for entry in self.terms(f"{language}.po")
                if entry.msgstr and parts_to_keep(entry.msgid) != parts_to_keep(entry.msgstr)]
            self.assertEqual(broken, [], f"{language}: a placeholder or tag differs.")

    def test_edges_are_kept(self):
        """Terms that are put together begin and end with the same blanks and line breaks."""
        def edges(text):
            return text[:len(text) - len(text.lstrip())], text[len(text.rstrip()):]

        for language in LANGUAGES:
            broken = [entry.msgid for entry in self.terms(f"{language}.po")
                      if entry.msgstr and edges(entry.msgid) != edges(entry.msgstr)]
            self.assertEqual(broken, [], f"{language}: blanks at the edge of a term differ.")

    def test_sentences_are_translated(self):
        """Names may be the same in two languages, a sentence is not."""
        for language in LANGUAGES:
            same = [entry.msgid for entry in self.terms(f"{language}.po")
                    if entry.msgid == entry.msgstr and len(WORD.findall(re.sub(r"<[^<>]+>", "", entry.msgid))) >= 4]
            self.assertEqual(same, [], f"{language}: still English.")


@tagged("post_install", "-at_install")
class TestTranslations(TranslationTests, TranslationCase):
    pass


@tagged("post_install", "-at_install")
class TestInGerman(FlowCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("de_DE")
        cls.env["ir.module.module"].search([("name", "=", "integration_flow")])._update_translations(["de_DE"])
        cls.german = {entry.msgid: entry.msgstr for entry in polib.pofile(str(TranslationCase.folder / "de.po"))}
        cls.env.user.lang = "de_DE"

    def in_german(self, model):
        return self.env[model].with_context(lang="de_DE")

    def test_the_state_on_every_model_is_german(self):
        found = self.in_german("res.partner").fields_get(["integration_state"])["integration_state"]
        self.assertEqual(found["string"], self.german["Sync State"])
        self.assertEqual(dict(found["selection"])["failed"], self.german["Failed"])
        self.assertNotEqual(found["string"], "Sync State")

    def test_labels_and_views_are_german(self):
        field = self.in_german("integration.flow").fields_get(["connection_id"])["connection_id"]
        self.assertEqual(field["string"], self.german["Connection"])
        arch = self.in_german("integration.sync").get_view(view_type="search")["arch"]
        self.assertIn(self.german["Needs Attention"], arch)

    def test_an_error_is_german(self):
        error = SyncError("schema", "body_too_large", params={"size": 10, "limit": 5})
        message, hint = explain(self.env(context={"lang": "de_DE"}), error)
        self.assertEqual(
            message, self.german["The answer is too large: %(size)s bytes, and %(limit)s are allowed."]
            % {"size": "10", "limit": "5"})
        self.assertNotIn("Ask an administrator", hint)
