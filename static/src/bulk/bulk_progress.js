import { browser } from "@web/core/browser/browser";
import { Dialog } from "@web/core/dialog/dialog";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";

const LOOK_EVERY_MS = 1500;

/** How far a bulk action is. It goes on when the dialog is closed. */
export class BulkProgress extends Component {
    static template = "integration_flow.BulkProgress";
    static components = { Dialog };
    static props = { bulkId: Number, close: Function };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ loaded: false });
        onWillStart(() => this.look());
        onWillUnmount(() => browser.clearTimeout(this.timer));
    }

    async look() {
        try {
            Object.assign(this.state, await this.orm.silent.call("integration.bulk.action", "get_progress", [
                [this.props.bulkId],
            ]));
        } catch (error) {
            console.warn("Integrations: the progress could not be read", error);
            this.state.state ??= "open";
        }
        this.state.loaded = true;
        if (this.state.state === "open") {
            this.timer = browser.setTimeout(() => this.look(), LOOK_EVERY_MS);
        }
    }

    get tone() {
        return { open: "bg-info", done: "bg-success", cancelled: "bg-secondary", failed: "bg-danger" }[this.state.state];
    }

    async cancel() {
        await this.orm.call("integration.bulk.action", "action_cancel", [[this.props.bulkId]]);
        browser.clearTimeout(this.timer);
        await this.look();
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
