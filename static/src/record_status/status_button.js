import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { usePopover } from "@web/core/popover/popover_hook";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component } from "@odoo/owl";
import { useRecordStatus } from "./record_status_hook";
import { NO_STATE, inkOf, lookOfEntry, syncAction } from "./states";
import { StatusDialog, StatusPanel } from "./status_panel";

/** Smart button of a business record: worst state of its flows and how many are in it; behind it a line for each flow. */
export class StatusButton extends Component {
    static template = "integration_flow.StatusButton";
    static props = { ...standardWidgetProps };

    setup() {
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.orm = useService("orm");
        this.status = useRecordStatus();
        this.popover = usePopover(StatusPanel, { position: "bottom-end", popoverClass: "o_integration_status_popover" });
    }

    get worst() {
        return this.status.entries[0];
    }

    get look() {
        return this.worst ? lookOfEntry(this.worst) : NO_STATE;
    }

    get ink() {
        return inkOf(this.look);
    }

    get value() {
        if (this.status.unread) {
            return _t("Not readable");
        }
        if (!this.worst) {
            return this.status.loaded ? _t("Not synced") : " ";
        }
        const count = this.status.entries.filter((entry) => entry.state_label === this.worst.state_label).length;
        return count > 1 ? `${count} ${this.worst.state_label}` : this.worst.state_label;
    }

    get tooltip() {
        if (this.status.unread) {
            return _t("The state of this record could not be read. Reload the page to try again.");
        }
        return (
            this.status.entries
                .map((entry) => `${entry.flow} (${entry.system}): ${entry.state_label}`)
                .join("\n") || _t("No flow has synchronised this record yet.")
        );
    }

    /** Ask the other system about the record as it stands on the form; the answer fills it. */
    async request(request) {
        const { record } = this.props;
        const isRoot = record.model.root?.id === record.id;
        if (isRoot && (await record.isDirty()) && !(await record.save())) {
            return; // the form says which field is wrong
        }
        const answer = await this.orm.call("integration.flow", "action_request_record", [[request.id], record.resId]);
        if (answer) {
            const { next, ...params } = answer.params || {};
            await this.action.doAction({ ...answer, params });
        }
        if (isRoot) {
            await record.model.load();
        }
        await this.status.reload();
    }

    open(ev) {
        if (this.popover.isOpen) {
            return this.popover.close();
        }
        const { resModel, resId } = this.props.record;
        const props = {
            entries: [...this.status.entries],
            unread: this.status.unread,
            resModel,
            resId,
            request: (request) => this.request(request),
            open: (syncId) => this.action.doAction(syncAction(resModel, resId, { syncId })),
            askWhyNot: () =>
                this.action.doAction({
                    type: "ir.actions.act_window",
                    name: _t("Why Not?"),
                    res_model: "integration.why.not",
                    views: [[false, "form"]],
                    target: "new",
                    context: { default_res_model: resModel, default_res_id: resId },
                }),
        };
        // A menu closes with the click, and takes with it whatever hangs on its entries.
        return ev.currentTarget.closest(".o-dropdown--menu")
            ? this.dialog.add(StatusDialog, props)
            : this.popover.open(ev.currentTarget, props);
    }
}

registry.category("view_widgets").add("integration_status_button", { component: StatusButton });
