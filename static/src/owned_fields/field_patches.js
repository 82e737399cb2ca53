import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";
import { DynamicGroupList } from "@web/model/relational_model/dynamic_group_list";
import { DynamicList } from "@web/model/relational_model/dynamic_list";
import { Record } from "@web/model/relational_model/record";
import { Field } from "@web/views/fields/field";
import { ListRenderer } from "@web/views/list/list_renderer";
import { OwnedBadge } from "./owned_badge";
import { isLocked, ownershipOf } from "./ownership";

// Records of models without flows carry nothing of ours: each of these looks into their data once and goes on.
// Locked means: not edited by hand. What an onchange or a button changes in a locked field is saved as ever, so that
// other modules work as before; the synchronisation then decides, as for any write.

Field.components = { ...Field.components, OwnedBadge };

patch(Field.prototype, {
    get integrationInList() {
        return this.props.fieldInfo?.viewType === "list";
    },
    /** What the badge says; null where nothing is owned, on cards, and in rows that nobody edits. */
    get integrationBadge() {
        const { record, name, fieldInfo } = this.props;
        const shown = this.integrationInList ? record.isInEdition : fieldInfo?.viewType !== "kanban";
        return shown ? ownershipOf(record, name) : null;
    },
    get classNames() {
        const classNames = super.classNames;
        classNames.o_integration_owned = Boolean(this.integrationBadge);
        classNames.o_readonly_modifier ||= isLocked(this.props.record, this.props.name);
        return classNames;
    },
    get fieldComponentProps() {
        if (!isLocked(this.props.record, this.props.name)) {
            return super.fieldComponentProps;
        }
        // The widget's own way to take its options has to know as well, not only its property "readonly".
        const props = this.props;
        this.props = { ...props, readonly: true };
        try {
            return { ...super.fieldComponentProps, readonly: true };
        } finally {
            this.props = props;
        }
    },
});

patch(ListRenderer.prototype, {
    isCellReadonly(column, record) {
        return super.isCellReadonly(column, record) || isLocked(record, column.name);
    },
});

// Edit of several records at once: those in which a changed field is locked are left out, as Odoo leaves out those in
// which it is read-only. Only then does the record itself say so.
let editingSeveral = 0;

patch(Record.prototype, {
    _isReadonly(fieldName) {
        return super._isReadonly(fieldName) || (editingSeveral > 0 && isLocked(this, fieldName));
    },
});

patch(DynamicList.prototype, {
    async _multiSave(editedRecord, changes) {
        editingSeveral++;
        try {
            return await super._multiSave(editedRecord, changes);
        } finally {
            editingSeveral--;
        }
    },
});

patch(DynamicGroupList.prototype, {
    /** Cards that are dragged into another column are edited, too. */
    async moveRecord(dataRecordId, dataGroupId, refId, targetGroupId) {
        const { groupByField } = this;
        const record = this.records.find((candidate) => candidate.id === dataRecordId);
        if (dataGroupId !== targetGroupId && groupByField && isLocked(record, groupByField.name)) {
            const { system } = ownershipOf(record, groupByField.name);
            this.model.notification.add(
                _t("%(field)s is owned by %(system)s and cannot be changed here.", {
                    field: groupByField.string,
                    system,
                }),
                { type: "warning" }
            );
            return;
        }
        return super.moveRecord(dataRecordId, dataGroupId, refId, targetGroupId);
    },
});
