"""Odoo's own ``test_lint`` checks, for this addon and its bridges only.

``odoo -i test_lint --test-tags /test_lint`` takes minutes because it looks at every addon on the path.  Here
the same test methods are called directly, with the list of addons cut down to ours.  Run by ``./dev lint``
(checks of files) and, with ``--database``, by ``./dev test odoo`` (checks of the loaded models).
"""

import argparse
import importlib
import inspect
import logging
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest import SkipTest
from unittest.mock import patch

import odoo.api
import odoo.modules
from odoo.modules import Manifest
from odoo.modules.registry import Registry
from odoo.tools import config

ADDON = "integration_flow"
CHECKOUT = Path(__file__).resolve().parents[1]
OURS = [ADDON, *sorted(path.parent.name for path in (CHECKOUT / "bridges").glob("*/__manifest__.py"))]

#: (module of test_lint, class, method): they read files.
FILE_CHECKS = [
    ("test_dunderinit", "TestDunderinit", "test_dunderinit"),
    ("test_eslint", "TestESLint", "test_eslint"),
    ("test_i18n", "TestI18n", "test_user_content_as_prop_is_translatable"),
    ("test_jstranslate", "TestJsTranslations", "test_js_translations"),
    ("test_manifests", "ManifestLinter", "test_manifests"),
    ("test_onchange_domains", "TestOnchangeDomains", "test_forbid_domains_in_onchanges"),
    ("test_orm_import", "TestDunderinit", "test_addons_orm_import"),
    ("test_pofile", "PotLinter", "test_pot_duplicate_entries"),
    ("test_pylint", "TestPyLint", "test_pylint"),
    ("test_test_holes", "TestTestHoles", "test_check_tests"),
]

#: They look at all models of a registry; what does not concern us is left out afterwards.
MODEL_CHECKS = [
    ("test_index", "TestIndex", "test_enforce_index_on_one2many_inverse"),
    ("test_naming", "TestNaming", "test_parameter_rpc_compatible"),
    ("test_override_signatures", "TestLintOverrideSignatures", "test_lint_override_signature"),
    ("test_routes", "RoutesLinter", "test_routes_definition"),
]


class Findings(logging.Handler):
    """What a check complained about: by an exception, in a sub-test, or as a warning in the log."""

    def __init__(self, concerns_us):
        super().__init__(logging.WARNING)
        self.concerns_us = concerns_us
        self.texts = []

    def add(self, text, **context):
        if text := self.concerns_us(str(text), context):
            self.texts.append(text)

    def emit(self, record):
        self.add(record.getMessage())

    @contextmanager
    def sub_test(self, _message=None, **context):
        try:
            yield
        except Exception as error:  # the checks raise AssertionError or TypeError
            self.add(error, **context)


def test_method(module_name, class_name, method_name):
    """The bound test method.  Its class is not set up: file checks need no database."""
    module = importlib.import_module(f"odoo.addons.test_lint.tests.{module_name}")
    test_class = getattr(module, class_name, None)
    if not hasattr(test_class, method_name):
        return None
    return getattr(test_class(method_name), method_name)


def run(check, concerns_us, env=None):
    """The findings of one check, or ``None`` if this Odoo has no such check or it cannot run here."""
    method = test_method(*check)
    if method is None:
        return None
    instance, module = method.__self__, inspect.getmodule(type(method.__self__))
    findings = Findings(concerns_us)
    instance.subTest = findings.sub_test
    instance.env = env
    logger = logging.getLogger(module.__name__)
    logger.addHandler(findings)
    imported_by_name = hasattr(module, "get_modules")
    try:
        if getattr(type(instance), "__unittest_skip__", False):
            return None
        with patch.object(module, "get_modules", lambda: OURS) if imported_by_name else nullcontext():
            method()
    except SkipTest:
        return None
    except Exception as error:  # a failed check
        findings.add(error)
    finally:
        logger.removeHandler(findings)
    return findings.texts


def anything(text, _context):
    return text


def about_our_models(env):
    """A filter that keeps what concerns models, fields and methods of this addon."""

    def is_our_field(name):
        model_name, _, field_name = name.rpartition(".")
        field = env[model_name]._fields.get(field_name) if model_name in env else None
        return field is not None and any(name in field._modules for name in OURS)

    def leads_an_index(name):
        """The check asks the field only; an index of several columns that begins with it serves as well."""
        model_name, _, field_name = name.rpartition(".")
        env.cr.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = i.indkey[0] WHERE i.indrelid = to_regclass(%s) AND i.indpred IS NULL AND a.attname = %s)",
            [env[model_name]._table, field_name])
        return env.cr.fetchone()[0]

    def is_our_method(context):
        model, method = env.registry.get(context.get("model", "")), context.get("method", "")
        return any(
            each.__module__.split(".")[2:3] in ([name] for name in OURS) and method in vars(each)
            for each in (model.mro() if model else ())
        )

    def concerns_us(text, context):
        if context:
            return text if context.get("module") in OURS or is_our_method(context) else ""
        lines = text.splitlines()
        if any(" (inverse of " in line for line in lines):  # one field a line, of all addons
            ours = [
                line for line in lines if any(map(is_our_field, names := re.findall(r"[\w.]+\.\w+", line)))
                and not leads_an_index(names[0])]
            return "\n".join(["To be indexed, as the inverse of a One2many field:", *ours]) if ours else ""
        return text if ADDON in text else ""

    return concerns_us


def conflict_markers():
    """Odoo's check walks over the whole of Odoo; its rule for one file is used here for our files."""
    module = importlib.import_module("odoo.addons.test_lint.tests.test_markers")
    check = module.TestConflictMarkers("test_conflict_markers")
    findings = []
    for path in Path(Manifest.for_addon(ADDON).path).resolve().rglob("*"):
        if path.suffix in module.EXTENSIONS and ".git" not in path.parts:
            try:
                check.check_file(path)
            except AssertionError as error:
                findings.append(str(error))
    return findings


def report(name, findings):
    if findings is None:
        # Odoo brings no eslint; all the others must run.
        print(f"  {name:<28} not possible here")
        return 0 if name == "test_eslint" else 1
    print(f"  {name:<28} {'ok' if not findings else f'{len(findings)} found'}")
    for text in findings:
        print("\n".join(f"      {line}" for line in text.strip().splitlines()))
    return len(findings)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addons-path", required=True)
    parser.add_argument("--database", help="check the models of this database instead of files")
    parser.add_argument("--data-dir", default="")
    options = parser.parse_args()

    config.parse_config(
        [
            f"--config={os.devnull}",
            f"--addons-path={options.addons_path}",
            "--http-interface=127.0.0.1",
            "--log-level=warn",
            *([f"--database={options.database}"] if options.database else []),
            *([f"--data-dir={options.data_dir}"] if options.data_dir else []),
        ],
        setup_logging=True,
    )
    odoo.modules.module.initialize_sys_path()

    found = 0
    if options.database:
        with Registry(options.database).cursor() as cr:
            env = odoo.api.Environment(cr, odoo.api.SUPERUSER_ID, {})
            for check in MODEL_CHECKS:
                found += report(check[0], run(check, about_our_models(env), env))
    else:
        ours = [Manifest.for_addon(name) for name in OURS]
        with (
            patch.object(Manifest, "all_addon_manifests", staticmethod(lambda: ours)),
            # test_pylint adds Odoo itself to the paths it checks, and that is what takes minutes.
            patch.object(config, "root_path", ours[0].path),
        ):
            for check in FILE_CHECKS:
                found += report(check[0], run(check, anything))
        found += report("test_markers", conflict_markers())
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
