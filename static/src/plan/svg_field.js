import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, markup, xml } from "@odoo/owl";

/** A drawing that the server has made (core/svg.py escapes every text in it). Its ink is that of the page. */
export class SvgField extends Component {
    static template = xml`<div t-if="svg" class="o_integration_svg" t-out="svg"/>`;
    static props = { ...standardFieldProps };

    get svg() {
        const value = this.props.record.data[this.props.name];
        return value ? markup(value) : "";
    }
}

registry.category("fields").add("integration_svg", {
    component: SvgField,
    displayName: _t("Drawing"),
    supportedTypes: ["text"],
});
