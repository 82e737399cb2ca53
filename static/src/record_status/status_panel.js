import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { Dialog } from "@web/core/dialog/dialog";
import { useService } from "@web/core/utils/hooks";
import { Component, onWillStart, useState } from "@odoo/owl";
import { inkOf, lookOfEntry } from "./states";

const { DateTime } = luxon;

/** Behind the smart button of a business record: a line for each of its flows, and the ways on. */
export class StatusPanel extends Component {
    static template = "integration_flow.StatusPanel";
    static props = {
        entries: Array,
        unread: { type: Boolean, optional: true }, // the entries could not be read
        open: Function, // (syncId?) the sync records of the record, or one of them
        askWhyNot: Function,
        resModel: String,
        resId: Number,
        request: Function, // (request) ask the other system about the record
        close: { type: Function, optional: true },
    };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ requests: [], requestsUnread: false });
        onWillStart(async () => {
            const { resModel, resId } = this.props;
            try {
                this.state.requests = await this.orm.silent.call("integration.flow", "get_record_requests", [resModel, resId]);
            } catch (error) {
                // The form of the business record goes on working, and so does the rest of the panel.
                this.state.requestsUnread = true;
                console.warn("Integrations: the requests could not be read", error);
            }
        });
    }

    look(entry) {
        return lookOfEntry(entry);
    }

    ink(entry) {
        return inkOf(this.look(entry));
    }

    /** The address of the record over there, if it is one that a browser may open. */
    address(entry) {
        return /^https?:/i.test(entry.external_url) ? entry.external_url : "";
    }

    /** When each way was last done. */
    ways(entry) {
        const ways = [];
        if (entry.last_import_at) {
            ways.push({ icon: "fa-arrow-down", label: _t("Last import"), ...this.moment(entry.last_import_at) });
        }
        if (entry.last_export_at) {
            ways.push({ icon: "fa-arrow-up", label: _t("Last export"), ...this.moment(entry.last_export_at) });
        }
        return ways;
    }

    moment(value) {
        const when = deserializeDateTime(value);
        return { relative: when.toRelative(), exact: when.toLocaleString(DateTime.DATETIME_MED) };
    }

    go(action) {
        this.props.close?.();
        return action();
    }
}

/** The same as a dialog, where the smart button is an entry of a menu that closes (narrow screens). */
export class StatusDialog extends Component {
    static template = "integration_flow.StatusDialog";
    static components = { Dialog, StatusPanel };
    static props = StatusPanel.props;
}
