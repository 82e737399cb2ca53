import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onMounted, onWillUnmount, onWillUpdateProps, xml } from "@odoo/owl";

const COUNTS = ["attention_count", "pending_count", "synced_count"];
// What tells that something has happened. The third count is left out: it reads an index entry for each synced record.
const SIGNS = ["attention_count", "pending_count", "last_success_at"];
export const ASKED_EVERY_MS = 3000;
// Work that takes longer is followed under Runs.
export const ASKED_FOR_MS = 5 * 60_000;

/**
 * The numbers at the top of a flow follow the work that was started on it: whoever presses Sync Now sees what comes of it.
 * Only while the page is looked at. Only the numbers change: what is being edited, also in a dialog above, stays as it is.
 */
export class FlowCounts extends Component {
    static template = xml`<span class="d-none"/>`;
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        onMounted(() => this.start());
        // A button or the pager has brought the record anew.
        onWillUpdateProps((next) => next.record !== this.props.record && this.start());
        onWillUnmount(() => browser.clearInterval(this.timer));
    }

    start() {
        browser.clearInterval(this.timer);
        this.signs = "";
        this.changedAt = Date.now();
        this.timer = browser.setInterval(() => this.look(), ASKED_EVERY_MS);
    }

    async look() {
        const { record } = this.props;
        if (this.asking || !record.resId || !["test", "live"].includes(record.data.state) || document.hidden) {
            return;
        }
        if (Date.now() - this.changedAt > ASKED_FOR_MS) {
            browser.clearInterval(this.timer);
            return;
        }
        this.asking = true;
        try {
            if (await this.hasSigns(record)) {
                const [now] = await this.orm.silent.read("integration.flow", [record.resId], COUNTS);
                if (now && record === this.props.record && COUNTS.some((name) => now[name] !== record.data[name])) {
                    this.changedAt = Date.now();
                    record._applyValues(Object.fromEntries(COUNTS.map((name) => [name, now[name]])));
                }
            }
        } catch {
            browser.clearInterval(this.timer); // logged out, deleted, or the server restarts
        } finally {
            this.asking = false;
        }
    }

    /** Whether anything has moved since the last look; the first one always reads all numbers. */
    async hasSigns(record) {
        const [now] = await this.orm.silent.read("integration.flow", [record.resId], SIGNS);
        const signs = JSON.stringify(now);
        const moved = signs !== this.signs;
        this.signs = signs;
        return moved;
    }
}

registry.category("view_widgets").add("integration_flow_counts", {
    component: FlowCounts,
    fieldDependencies: COUNTS.map((name) => ({ name, type: "integer" })),
});
