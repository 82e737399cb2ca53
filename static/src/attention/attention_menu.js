import { browser } from "@web/core/browser/browser";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { Component, onWillStart, onWillUnmount, useExternalListener, useState } from "@odoo/owl";

const USER_GROUP = "integration_flow.group_integration_user";
export const ASKED_EVERY_MS = 60_000;

/**
 * In the systray: how much of the integrations needs the user. Asked once a minute while the page is looked at, when the
 * user comes back to it, and when the menu is opened; nothing is asked for users without integrations.
 */
export class AttentionMenu extends Component {
    static template = "integration_flow.AttentionMenu";
    static components = { Dropdown, DropdownItem };
    static props = {};

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({ allowed: false, unread: false, total: 0, lines: [] });
        onWillStart(async () => {
            // The navigation bar is there for everything else, too: whatever is not known is not shown.
            this.state.allowed = await user.hasGroup(USER_GROUP).catch(() => false);
            if (this.state.allowed) {
                this.refresh(); // not awaited: the page does not wait for it
            }
        });
        this.timer = browser.setInterval(() => this.refreshIfLate(), ASKED_EVERY_MS);
        onWillUnmount(() => browser.clearInterval(this.timer));
        useExternalListener(document, "visibilitychange", () => this.refreshIfLate());
        useExternalListener(window, "focus", () => this.refreshIfLate());
    }

    async refreshIfLate() {
        // A little earlier than a minute: the timer is not exact.
        if (this.state.allowed && !document.hidden && Date.now() - this.askedAt > 0.9 * ASKED_EVERY_MS) {
            await this.refresh();
        }
    }

    async refresh() {
        this.askedAt = Date.now();
        try {
            const { total, lines } = await this.orm.silent.call("integration.attention", "get_mine", []);
            Object.assign(this.state, { total, lines, unread: false });
        } catch (error) {
            // Logged out, or the server restarts: no dialog each minute, the next look will tell.
            this.state.unread = true;
            console.warn("Integrations: what needs me could not be read", error);
        }
    }

    get more() {
        return this.state.lines.some((line) => line.more);
    }

    get title() {
        const { total } = this.state;
        if (!total) {
            return _t("Integrations: nothing needs you");
        }
        return total === 1
            ? _t("Integrations: 1 thing needs you")
            : _t("Integrations: %s things need you", `${total}${this.more ? "+" : ""}`);
    }

    async open(line) {
        const action = await this.orm.call("integration.attention", "open_mine", [line.kind]);
        await this.action.doAction(action, { clearBreadcrumbs: true });
    }

    openAll() {
        return this.action.doAction("integration_flow.integration_flow_action_overview", { clearBreadcrumbs: true });
    }
}

registry.category("systray").add("integration_flow.AttentionMenu", { Component: AttentionMenu }, { sequence: 22 });
