import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { KanbanRenderer } from "@web/views/kanban/kanban_renderer";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { Component, onWillStart, useState } from "@odoo/owl";

/** What stops everything: credentials refused, a system in trouble, a worker that does not run, silence. */
export class OverviewBanners extends Component {
    static template = "integration_flow.OverviewBanners";
    static props = {};

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.state = useState({ banners: [], unread: false });
        onWillStart(async () => {
            try {
                this.state.banners = await this.orm.silent.call("integration.connection", "get_banners", []);
            } catch (error) {
                // The tiles are worth seeing without it; but silence here would say that nothing is wrong.
                this.state.unread = true;
                console.warn("Integrations: the banners could not be read", error);
            }
        });
    }

    icon(banner) {
        return banner.level === "danger" ? "fa-times-circle" : "fa-exclamation-triangle";
    }

    open(banner) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "integration.connection",
            res_id: banner.connection_id,
            views: [[false, "form"]],
        });
    }
}

export class OverviewRenderer extends KanbanRenderer {
    static template = "integration_flow.OverviewRenderer";
    static components = { ...KanbanRenderer.components, OverviewBanners };
}

registry.category("views").add("integration_overview", { ...kanbanView, Renderer: OverviewRenderer });
