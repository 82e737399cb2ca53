import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";
import { useRecordStatus } from "./record_status_hook";
import { deletionAction, lookOfEntry, needsPerson, syncAction } from "./states";

const nextFrame = () => new Promise((resolve) => browser.requestAnimationFrame(resolve));

/** Banner of a business record: only when a flow of it failed or waits for a decision, with the way out. */
export class StatusBanner extends Component {
    static template = "integration_flow.StatusBanner";
    static props = { ...standardWidgetProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.status = useRecordStatus({ follow: true });
        this.state = useState({ busy: false });
    }

    get problems() {
        return this.status.entries.filter(needsPerson);
    }

    look(entry) {
        return lookOfEntry(entry);
    }

    /** Whether the form belongs to this very record, and is not a line that is edited inside another one. */
    get isRoot() {
        const { record } = this.props;
        return record.model.root?.id === record.id;
    }

    async retry(entry, button) {
        const { record } = this.props;
        const form = button.closest(".o_form_view");
        if (this.isRoot && (await record.isDirty()) && !(await record.save())) {
            return; // the form says which field is wrong
        }
        this.state.busy = true;
        try {
            const answer = await this.orm.call("integration.sync", "action_retry", [[entry.id]]);
            if (answer) {
                const { next, ...params } = answer.params || {};
                await this.action.doAction({ ...answer, params });
            }
        } finally {
            this.state.busy = false;
            if (this.isRoot) {
                await record.model.load();
            }
            await this.status.reload();
            await this.keepFocus(form);
        }
    }

    /** The pressed button is gone with its banner: the keyboard goes on at the smart button, which shows the new state. */
    async keepFocus(form) {
        await nextFrame();
        if (document.activeElement === document.body) {
            form?.querySelector(".o_integration_retry:enabled, .o_integration_status_button")?.focus();
        }
    }

    open(entry) {
        if (entry.decision) {
            return this.action.doAction(deletionAction(entry.id));
        }
        const { resModel, resId } = this.props.record;
        return this.action.doAction(syncAction(resModel, resId, { syncId: entry.id }));
    }
}

registry.category("view_widgets").add("integration_status_banner", { component: StatusBanner });
