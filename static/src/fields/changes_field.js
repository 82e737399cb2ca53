import { _t } from "@web/core/l10n/translation";
import { formatDateTime, deserializeDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

const SHOWN_IN_LIST = 3;

function readable(value) {
    if (value === null || value === undefined || value === "") {
        return _t("empty");
    }
    if (value === true) {
        return _t("yes");
    }
    if (value === false) {
        return _t("no");
    }
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function isBlank(value) {
    return value === null || value === undefined || value === "";
}

/** From `{field: [before, after]}` to lines that a template can show. */
export function changeLines(changes, labels = {}) {
    return Object.entries(changes || {}).map(([code, pair]) => {
        const [before, after] = Array.isArray(pair) ? pair : [null, pair];
        const field = labels[code] || code;
        const line = {
            code,
            field,
            before: readable(before),
            after: readable(after),
            beforeBlank: isBlank(before),
            afterBlank: isBlank(after),
        };
        line.sentence = _t("%(field)s changed from %(before)s to %(after)s", line);
        return line;
    });
}

export class ChangesTable extends Component {
    static template = "integration_flow.ChangesTable";
    static props = { lines: Array };
}

/** The changes of one attempt. In lists the first few on one line each, in forms a table. */
export class ChangesField extends Component {
    static template = "integration_flow.ChangesField";
    static components = { ChangesTable };
    static props = { ...standardFieldProps, compact: { type: Boolean, optional: true } };

    get lines() {
        return changeLines(this.props.record.data[this.props.name]);
    }

    get firstLines() {
        return this.lines.slice(0, SHOWN_IN_LIST);
    }

    get more() {
        return Math.max(this.lines.length - SHOWN_IN_LIST, 0);
    }

    get tooltip() {
        return this.lines.map((line) => line.sentence).join("\n");
    }
}

registry.category("fields").add("integration_changes", {
    component: ChangesField,
    displayName: _t("Changes Before and After"),
    supportedTypes: ["json"],
    extractProps: ({ viewType, options }) => ({ compact: Boolean(options.compact) || viewType !== "form" }),
});

/** The latest changes of a sync record, newest first: when, which way, and each field before and after. */
export class ChangeHistoryField extends Component {
    static template = "integration_flow.ChangeHistoryField";
    static components = { ChangesTable };
    static props = { ...standardFieldProps };

    get entries() {
        return (this.props.record.data[this.props.name] || []).map((entry) => ({
            ...entry,
            when: formatDateTime(deserializeDateTime(entry.when)),
            lines: changeLines(entry.changes, entry.labels),
        }));
    }
}

registry.category("fields").add("integration_change_history", {
    component: ChangeHistoryField,
    displayName: _t("History of Changes"),
    supportedTypes: ["json"],
});
