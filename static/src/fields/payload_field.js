import { CodeEditor } from "@web/core/code_editor/code_editor";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { cookie } from "@web/core/browser/cookie";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

const SHOWN_LINES = 40;

/** Read-only text of a request, response or payload: JSON indented, with a button that copies it. */
export class PayloadField extends Component {
    static template = "integration_flow.PayloadField";
    static components = { CodeEditor, CopyButton };
    static props = { ...standardFieldProps };

    setup() {
        this.maxLines = SHOWN_LINES;
        this.copied = _t("Copied");
    }

    get text() {
        const text = this.props.record.data[this.props.name] || "";
        try {
            return JSON.stringify(JSON.parse(text), null, 2);
        } catch {
            return text; // headers, XML, or a body that was cut: shown as it is
        }
    }

    get mode() {
        return this.text.trimStart().startsWith("<") ? "xml" : "javascript";
    }

    get theme() {
        return cookie.get("color_scheme") === "dark" ? "monokai" : "";
    }
}

registry.category("fields").add("integration_payload", {
    component: PayloadField,
    displayName: _t("Payload"),
    supportedTypes: ["text"],
});
