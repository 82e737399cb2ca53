"""Brings the files of ``i18n/`` up to date with the terms of the addon; runs in an Odoo shell (``./dev translations``).

The template holds every term that Odoo finds. In the file of each language, terms that went are dropped and new ones are
added without a translation; what was translated stays. Only what differs is written.
"""

import io
import json
import os
import re
from pathlib import Path

import polib

from odoo.tools.translate import trans_export

ADDON = os.environ["INTEGRATION_ADDON"]
FOLDER = Path(os.environ["INTEGRATION_I18N"])
# A bridge lies in our folder, but its terms are its own.
BRIDGES = "addons/integration_flow/bridges/"
# They would differ at every export.
DATES = ("POT-Creation-Date", "PO-Revision-Date")
# The fields that every model of Odoo has from this addon: their texts are those of ``base``, whatever else is installed.
EVERYWHERE = re.compile(r"(?:field_|selection__)(?!base__)\w+?__integration_(?:state|owned)(?:__\w+)?$")
# No line breaks of ours: a changed word changes one line.
WIDTH = 0


def exported(env):
    """The template as Odoo exports it, without dates, in the order of the terms."""
    buffer = io.BytesIO()
    trans_export(None, [ADDON], buffer, "po", env)
    template = polib.pofile(buffer.getvalue().decode(), wrapwidth=WIDTH)
    for date in DATES:
        template.metadata.pop(date, None)
    for entry in list(template):
        entry.occurrences = [
            place for place in entry.occurrences if not EVERYWHERE.search(place[0]) and BRIDGES not in place[0]]
        if not entry.occurrences:
            template.remove(entry)
    template.sort(key=lambda entry: entry.msgid)
    return template


def merged(template, language, file):
    """The terms of ``template`` with the translations that ``file`` has."""
    known = {entry.msgid: entry.msgstr for entry in polib.pofile(str(file))} if file.exists() else {}
    result = polib.POFile(wrapwidth=WIDTH)
    result.header = template.header
    result.metadata = {**template.metadata, "Language": language}
    for entry in template:
        result.append(
            polib.POEntry(
                msgid=entry.msgid, msgstr=known.get(entry.msgid, ""), comment=entry.comment, occurrences=entry.occurrences
            )
        )
    return result


def write(content, file):
    """Returns whether something changed."""
    # One place a line, so that a new one is one line of difference.
    text = re.sub(r"^#: .+$", lambda line: line[0].replace(" ", "\n#: ").replace("\n#: ", " ", 1), str(content), flags=re.M)
    text = text.rstrip() + "\n"
    if file.exists() and file.read_text() == text:
        return False
    file.write_text(text)
    return True


def update(env, languages):
    template = exported(env)
    FOLDER.mkdir(exist_ok=True)
    changed = [name for name in [f"{ADDON}.pot"] if write(template, FOLDER / name)]
    missing = {}
    for language in sorted({*languages, *(file.stem for file in FOLDER.glob("*.po"))}):
        file = FOLDER / f"{language}.po"
        terms = merged(template, language, file)
        changed += [file.name] if write(terms, file) else []
        missing[language] = sum(not entry.msgstr for entry in terms)
    return {"terms": len(template), "missing": missing, "changed": changed}


print("SUMMARY " + json.dumps(update(env, os.environ["INTEGRATION_LANGUAGES"].split())))  # noqa: F821
