import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { MultiRecordViewButton } from "@web/views/view_button/multi_record_view_button";

/** A button above a list: with "all N selected" the filter is sent to the server, and not the ids of N records. */
export class BulkButton extends MultiRecordViewButton {
    setup() {
        super.setup();
        this.action = useService("action");
        this.orm = useService("orm");
    }

    async onClick(ev, newWindow) {
        const { clickParams, list } = this.props;
        if (!list.isDomainSelected || clickParams.type !== "object") {
            return super.onClick(ev, newWindow);
        }
        const action = await this.orm.call(
            "integration.bulk.action",
            "ask",
            [list.resModel, clickParams.name, list.domain],
            { context: list.context }
        );
        return this.action.doAction(action);
    }
}

export class BulkListController extends ListController {
    static components = { ...ListController.components, MultiRecordViewButton: BulkButton };
}

registry.category("views").add("integration_bulk_list", { ...listView, Controller: BulkListController });
