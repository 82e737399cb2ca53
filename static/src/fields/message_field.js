import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, xml } from "@odoo/owl";

/** A message in a list: its first three lines, all of it on hover. Read-only. */
export class MessageField extends Component {
    static template = xml`
        <div class="o_integration_message" t-att-title="message" t-esc="message"/>`;
    static props = { ...standardFieldProps };

    get message() {
        return this.props.record.data[this.props.name] || "";
    }
}

registry.category("fields").add("integration_message", {
    component: MessageField,
    displayName: _t("Message"),
    supportedTypes: ["text", "char"],
});
