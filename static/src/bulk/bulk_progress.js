import { browser } from "@web/core/browser/browser";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";

const LOOK_EVERY_MS = 1500;

/** How far a bulk action is. It goes on when the dialog is closed, and whether or not its progress can be read. */
export class BulkProgress extends Component {
    static template = "integration_flow.BulkProgress";
    static components = { Dialog };
    static props = { bulkId: Number, close: Function };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ state: "open", unread: false, busy: false });
        onWillStart(() => this.look());
        onWillUnmount(() => browser.clearTimeout(this.timer));
    }

    async look() {
        try {
            const progress = await this.orm.silent.call("integration.bulk.action", "get_progress", [
                [this.props.bulkId],
            ]);
            Object.assign(this.state, progress, { unread: false });
        } catch (error) {
            console.warn("Integrations: the progress could not be read", error);
            this.state.unread = true;
        }
        if (this.state.state === "open") {
            this.timer = browser.setTimeout(() => this.look(), LOOK_EVERY_MS);
        }
    }

    get title() {
        return this.state.title || _t("Bulk Action");
    }

    get tone() {
        return { open: "bg-info", done: "bg-success", cancelled: "bg-secondary", failed: "bg-danger" }[this.state.state];
    }

    /** "40 of 100"; nothing as long as it is not known. */
    get count() {
        const { done, total } = this.state;
        return total === undefined ? "" : _t("%(done)s of %(total)s", { done, total });
    }

    async cancel() {
        this.state.busy = true;
        try {
            await this.orm.call("integration.bulk.action", "action_cancel", [[this.props.bulkId]]);
            browser.clearTimeout(this.timer);
            await this.look();
        } finally {
            this.state.busy = false;
        }
    }
}

registry.category("actions").add("integration_bulk_progress", (env, action) => {
    env.services.dialog.add(
        BulkProgress,
        { bulkId: action.params.id },
        // What is shown behind the dialog has changed meanwhile.
        { onClose: () => env.services.action.doAction("soft_reload") }
    );
    return { type: "ir.actions.act_window_close" };
});
