import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatDateTime } from "@web/core/l10n/dates";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, xml } from "@odoo/owl";

/** A moment as people say it ("12 minutes ago", "in 2 hours"); the exact time on hover. Read-only. */
export class RelativeTimeField extends Component {
    static template = xml`
        <time t-if="value" t-att-datetime="value.toISO()" t-att-title="exact">
            <t t-esc="relative"/><span class="visually-hidden">, <t t-esc="exact"/></span>
        </time>`;
    static props = { ...standardFieldProps };

    get value() {
        return this.props.record.data[this.props.name];
    }

    get exact() {
        return formatDateTime(this.value);
    }

    get relative() {
        const seconds = Math.abs(this.value.diffNow("seconds").seconds);
        return seconds < 60 ? _t("just now") : this.value.toRelative();
    }
}

registry.category("fields").add("integration_relative_time", {
    component: RelativeTimeField,
    displayName: _t("Relative Time"),
    supportedTypes: ["datetime"],
    listViewWidth: [95, 125],
});
