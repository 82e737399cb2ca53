import { _t } from "@web/core/l10n/translation";
import { usePopover } from "@web/core/popover/popover_hook";
import { Component } from "@odoo/owl";
import { badgeText, explanation } from "./ownership";

/** What the badge says in full, for those who press it. */
export class OwnedExplanation extends Component {
    static template = "integration_flow.OwnedExplanation";
    static props = { title: String, sentences: Array, close: { type: Function, optional: true } };
}

/**
 * Badge of a field that another system owns: who, since when, and what becomes of a change. It can be reached and read by
 * keyboard and screen reader; within lists it is not a stop of the Tab key, because Tab moves between cells there.
 */
export class OwnedBadge extends Component {
    static template = "integration_flow.OwnedBadge";
    static props = { ownership: Object, record: Object, name: String, inCell: { type: Boolean, optional: true } };

    setup() {
        this.popover = usePopover(OwnedExplanation, { position: "bottom-start" });
    }

    get text() {
        const text = badgeText(this.props.ownership);
        // A locked field without a value shows nothing else, not even its placeholder.
        return this.props.ownership.policy === "lock" && !this.props.record.data[this.props.name]
            ? _t("%(field)s: %(badge)s", { field: this.fieldLabel, badge: text })
            : text;
    }

    get fieldLabel() {
        const { record, name } = this.props;
        return record.fields[name].string;
    }

    get sentences() {
        return explanation(this.props.ownership);
    }

    get tooltip() {
        return [`${this.text}.`, ...this.sentences].join(" ");
    }

    get label() {
        return `${this.fieldLabel}: ${this.warning ? `${this.warning}. ` : ""}${this.tooltip}`;
    }

    get icon() {
        const { policy, owner, some_lines } = this.props.ownership;
        if (some_lines) {
            return "fa-list";
        }
        if (policy === "lock") {
            return "fa-lock";
        }
        return owner.startsWith("external") ? "fa-unlock-alt" : "fa-exchange";
    }

    /** What was changed in this form, and will not stay, is said at once. */
    get warning() {
        const { record, name, ownership } = this.props;
        void record.data[name]; // look again whenever it changes
        const changed = record.dirty && name in (record._changes || {});
        if (!changed || ownership.policy !== "warn") {
            return "";
        }
        const { system, stays } = ownership;
        return stays
            ? _t("Stays until %(system)s changes it", { system })
            : _t("%(system)s will replace this", { system });
    }

    open(ev) {
        ev.stopPropagation();
        ev.preventDefault();
        if (this.popover.isOpen) {
            this.popover.close();
        } else {
            this.popover.open(ev.currentTarget, { title: this.text, sentences: this.sentences });
        }
    }
}
