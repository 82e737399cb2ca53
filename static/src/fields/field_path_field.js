import { useService } from "@web/core/utils/hooks";
import { registry } from "@web/core/registry";
import { FieldSelectorField, fieldSelectorField } from "@web/views/fields/field_selector/field_selector_field";
import { onWillStart, onWillUpdateProps, useState } from "@odoo/owl";

/**
 * A field of a model, chosen as Odoo's own selector does it, and shown by its labels ("Customer / Email") where it is
 * not edited. The technical name stands in the title, and instead of the labels where they are not known.
 */
export class FieldPathField extends FieldSelectorField {
    static template = "integration_flow.FieldPathField";

    setup() {
        this.fields = useService("field");
        this.shown = useState({ labels: "" });
        onWillStart(() => this.look(this.props));
        onWillUpdateProps((props) => this.look(props));
    }

    async look({ record, name, resModel, readonly }) {
        const path = record.data[name];
        if (!readonly || !path) {
            return; // the selector looks itself
        }
        const model = record.data[resModel] || record.resModel;
        if (this.shown.path === path && this.shown.model === model) {
            return;
        }
        let labels = "";
        try {
            const { isInvalid, displayNames } = await this.fields.loadPathDescription(model, path, false);
            labels = isInvalid ? "" : displayNames.join(" / ");
        } catch (error) {
            console.warn("Integrations: the labels of a field could not be read", error);
        }
        Object.assign(this.shown, { labels, path, model });
    }
}

registry.category("fields").add("integration_field_path", { ...fieldSelectorField, component: FieldPathField });
