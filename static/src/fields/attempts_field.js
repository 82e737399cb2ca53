import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, xml } from "@odoo/owl";

/** Attempts made, of those that the flow allows: "2 / 8". */
export class AttemptsField extends Component {
    static template = xml`<span t-att-title="title" t-esc="text"/>`;
    static props = { ...standardFieldProps };

    get made() {
        return this.props.record.data[this.props.name];
    }

    get allowed() {
        return this.props.record.data.max_attempts;
    }

    get text() {
        return this.made ? `${this.made} / ${this.allowed}` : "";
    }

    get title() {
        return _t("%(made)s of %(allowed)s attempts", { made: this.made, allowed: this.allowed });
    }
}

registry.category("fields").add("integration_attempts", {
    component: AttemptsField,
    displayName: _t("Attempts of the Allowed Ones"),
    supportedTypes: ["integer"],
    fieldDependencies: [{ name: "max_attempts", type: "integer", readonly: true }],
});
