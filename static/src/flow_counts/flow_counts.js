import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onMounted, onWillUnmount, xml } from "@odoo/owl";

const COUNTS = ["attention_count", "pending_count", "synced_count"];
export const ASKED_EVERY_MS = 3000;
// Work that takes longer is followed under Runs.
export const ASKED_FOR_MS = 5 * 60_000;

/**
 * The numbers at the top of a flow follow the work that was started on it: whoever presses Sync Now sees what comes of it.
 * Only while the page is looked at and nothing on it is being edited.
 */
export class FlowCounts extends Component {
    static template = xml`<span class="d-none"/>`;
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        onMounted(() => (this.timer = browser.setInterval(() => this.look(), ASKED_EVERY_MS)));
        onWillUnmount(() => browser.clearInterval(this.timer));
        this.changedAt = Date.now();
    }

    async look() {
        const { record } = this.props;
        if (!record.resId || !["test", "live"].includes(record.data.state) || document.hidden) {
            return;
        }
        if (Date.now() - this.changedAt > ASKED_FOR_MS) {
            browser.clearInterval(this.timer);
            return;
        }
        try {
            const [now] = await this.orm.silent.read("integration.flow", [record.resId], COUNTS);
            if (now && COUNTS.some((name) => now[name] !== record.data[name]) && !(await record.isDirty())) {
                this.changedAt = Date.now();
                await record.load();
            }
        } catch {
            browser.clearInterval(this.timer); // logged out, deleted, or the server restarts
        }
    }
}

registry.category("view_widgets").add("integration_flow_counts", {
    component: FlowCounts,
    fieldDependencies: COUNTS.map((name) => ({ name, type: "integer" })),
});
