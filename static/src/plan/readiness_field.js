import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, useRef } from "@odoo/owl";

/** What a flow needs before it may go live: what is missing first, each with the way to the place where it is answered. */
export class ReadinessField extends Component {
    static template = "integration_flow.ReadinessField";
    static props = { ...standardFieldProps };

    setup() {
        this.action = useService("action");
        this.root = useRef("root");
    }

    get items() {
        return this.props.record.data[this.props.name] || [];
    }

    get missing() {
        return this.items.filter((item) => !item.ok);
    }

    get done() {
        return this.items.filter((item) => item.ok);
    }

    get summary() {
        return this.missing.length
            ? _t("%(done)s of %(all)s answered", { done: this.done.length, all: this.items.length })
            : _t("Ready to go live");
    }

    async open(item) {
        if (item.page) {
            const tab = this.root.el
                .closest(".o_form_view")
                ?.querySelector(`.o_notebook_headers .nav-link[name="${item.page}"]`);
            tab?.click();
            tab?.scrollIntoView({ block: "nearest" });
            tab?.focus(); // the next Tab goes on there
            return;
        }
        const record = this.props.record;
        if (await record.save()) {
            await this.action.doActionButton({
                type: "object",
                name: item.method,
                resModel: record.resModel,
                resId: record.resId,
                context: record.context,
            });
        }
    }
}

registry.category("fields").add("integration_readiness", {
    component: ReadinessField,
    displayName: _t("Readiness"),
    supportedTypes: ["json"],
});
