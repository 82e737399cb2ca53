import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { queryAll } from "@odoo/hoot";
import { defineModels, fields, makeServerError, models } from "@web/../tests/web_test_helpers";

/** A business record with a field for each kind of value that our widgets show. */
export class Document extends models.Model {
    _name = "document";

    name = fields.Char();
    count = fields.Integer();
    max_attempts = fields.Integer();
    moment = fields.Datetime();
    text = fields.Text();
    values = fields.Json();
    integration_owned = fields.Json();

    _records = [{ id: 1, name: "Order 7" }];
}

/** The models that every test of a component needs: those of mail, a business record, and `more`. */
export function defineOurModels(...more) {
    defineMailModels();
    defineModels([Document, ...more]);
}

/** What a server answers that has failed: for `onRpc`. */
export function fail() {
    throw makeServerError({ message: "The database is not there." });
}

/** Elements that people click without a name that a screen reader could say; empty where all is well. */
export function nameless(selector) {
    const shown = (node) =>
        [...node.childNodes].map((child) => {
            if (child.nodeType === Node.TEXT_NODE) {
                return child.textContent;
            }
            return child.nodeType === Node.ELEMENT_NODE && child.getAttribute("aria-hidden") !== "true" ? shown(child) : "";
        }).join("");
    return queryAll(`${selector} :is(button, a[href], input, [role=button])`)
        .filter((element) => {
            const name = element.getAttribute("aria-label") || shown(element) || element.title || element.labels?.length;
            return !String(name || "").trim();
        })
        .map((element) => element.outerHTML);
}
