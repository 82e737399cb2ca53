import { deserializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

const { DateTime } = luxon;
const STEP = 12;
const UP = 26;
const DOWN = 10;

/** Bars of the last days: what was synced stands above the line, what failed hangs below it. */
export class ActivityField extends Component {
    static template = "integration_flow.ActivityField";
    static props = { ...standardFieldProps };

    get days() {
        return this.props.record.data[this.props.name] || [];
    }

    get bars() {
        const most = Math.max(1, ...this.days.map((day) => day.synced));
        const worst = Math.max(1, ...this.days.map((day) => day.failed));
        // A bar that is there at all can be seen.
        const height = (count, max, room) => (count ? Math.max(2, Math.round((room * count) / max)) : 0);
        return this.days.map((day, index) => ({
            x: index * STEP + 1,
            up: height(day.synced, most, UP),
            down: height(day.failed, worst, DOWN),
            title: _t("%(day)s: %(synced)s synced, %(failed)s failed", {
                ...day,
                day: deserializeDate(day.day).toLocaleString(DateTime.DATE_MED),
            }),
        }));
    }

    get width() {
        return this.days.length * STEP;
    }

    get base() {
        return UP + 1;
    }

    get height() {
        return UP + DOWN + 3;
    }

    get summary() {
        const sum = (name) => this.days.reduce((total, day) => total + day[name], 0);
        return _t("%(days)s days: %(synced)s synced, %(failed)s failed", {
            days: this.days.length,
            synced: sum("synced"),
            failed: sum("failed"),
        });
    }
}

registry.category("fields").add("integration_activity", {
    component: ActivityField,
    supportedTypes: ["json"],
});
