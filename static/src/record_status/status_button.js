import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component } from "@odoo/owl";
import { useRecordStatus } from "./record_status_hook";
import { NO_STATE, lookOf, syncAction } from "./states";

/** Smart button of a business record: worst state of its flows, how many are in it, and the way to them. */
export class StatusButton extends Component {
    static template = "integration_flow.StatusButton";
    static props = { ...standardWidgetProps };

    setup() {
        this.action = useService("action");
        this.status = useRecordStatus();
    }

    get worst() {
        return this.status.entries[0];
    }

    get look() {
        return this.worst ? lookOf(this.worst.state) : NO_STATE;
    }

    get value() {
        if (!this.worst) {
            return this.status.loaded ? _t("Not synced") : " ";
        }
        const count = this.status.entries.filter((entry) => entry.state === this.worst.state).length;
        return count > 1 ? `${count} ${this.worst.state_label}` : this.worst.state_label;
    }

    get tooltip() {
        return (
            this.status.entries
                .map((entry) => `${entry.flow} (${entry.system}): ${entry.state_label}`)
                .join("\n") || _t("No flow has synchronised this record yet.")
        );
    }

    open() {
        const { resModel, resId } = this.props.record;
        return this.action.doAction(syncAction(resModel, resId));
    }
}

registry.category("view_widgets").add("integration_status_button", { component: StatusButton });
