import { payloadNodes, visibleNodes } from "./payload_tree";
import { _t } from "@web/core/l10n/translation";
import { usePopover } from "@web/core/popover/popover_hook";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useInputField } from "@web/views/fields/input_field_hook";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, onMounted, useRef, useState } from "@odoo/owl";

/** The example record as a tree. Arrow keys move, open and close; Enter or a click picks; typing searches. */
export class PathPickerPopover extends Component {
    static template = "integration_flow.PathPickerPopover";
    static props = { record: { optional: true }, unread: { type: Boolean, optional: true }, onPick: Function, close: Function };

    setup() {
        this.search = useRef("search");
        this.nodes = payloadNodes(this.props.record);
        const open = this.nodes.filter((node) => node.isBranch && node.depth < 1 && !node.value).map((node) => node.path);
        this.state = useState({ search: "", open: new Set(open), active: 0 });
        this.note = useRef("note");
        onMounted(() => (this.search.el || this.note.el)?.focus());
    }

    get visible() {
        return visibleNodes(this.nodes, this.state.open, this.state.search);
    }

    get activeId() {
        return this.visible.length ? `integration_path_${this.state.active}` : undefined;
    }

    isOpen(node) {
        return this.state.open.has(node.path);
    }

    onSearch(ev) {
        this.state.search = ev.target.value;
        this.state.active = 0;
    }

    toggle(node, open = !this.isOpen(node)) {
        if (open) {
            this.state.open.add(node.path);
        } else {
            this.state.open.delete(node.path);
        }
        this.state.open = new Set(this.state.open);
    }

    move(index) {
        this.state.active = Math.max(0, Math.min(index, this.visible.length - 1));
        document.getElementById(`integration_path_${this.state.active}`)?.scrollIntoView({ block: "nearest" });
    }

    pick(node) {
        this.props.onPick(node.path);
        this.props.close();
    }

    onKeydown(ev) {
        const visible = this.visible;
        const node = visible[this.state.active];
        const actions = {
            ArrowDown: () => this.move(this.state.active + 1),
            ArrowUp: () => this.move(this.state.active - 1),
            Home: () => this.move(0),
            End: () => this.move(visible.length - 1),
            ArrowRight: () => {
                if (node?.isBranch && !this.isOpen(node)) {
                    this.toggle(node, true);
                } else if (visible[this.state.active + 1]?.parent === node?.path) {
                    this.move(this.state.active + 1);
                }
            },
            ArrowLeft: () => {
                if (node?.isBranch && this.isOpen(node)) {
                    this.toggle(node, false);
                } else if (node?.parent) {
                    this.move(visible.findIndex((each) => each.path === node.parent));
                }
            },
            Enter: () => node && this.pick(node),
            Escape: () => this.props.close(),
        };
        const inText = ["ArrowLeft", "ArrowRight", "Home", "End"].includes(ev.key) && this.state.search;
        if (actions[ev.key] && !inText) {
            actions[ev.key]();
            ev.preventDefault();
            ev.stopPropagation();
        }
    }
}

/** A path in a record of the other system: typed, or picked from an example. */
export class PathPickerField extends Component {
    static template = "integration_flow.PathPickerField";
    static props = { ...standardFieldProps, placeholder: { type: String, optional: true } };

    setup() {
        this.orm = useService("orm");
        this.button = useRef("button");
        this.input = useRef("input");
        this.popover = usePopover(PathPickerPopover, {
            popoverClass: "o_integration_path_popover",
            onClose: () => this.takeFocusBack(),
        });
        useInputField({
            getValue: () => this.props.record.data[this.props.name] || "",
            parse: (value) => value.trim(),
        });
    }

    get value() {
        return this.props.record.data[this.props.name] || "";
    }

    idOf(name) {
        const value = this.props.record.data[name];
        return (value && (value.id || value[0])) || false;
    }

    get flowId() {
        const { context, model } = this.props.record;
        return this.idOf("flow_id") || context.default_flow_id || (model.root.resModel === "integration.flow" && model.root.resId) || false;
    }

    /** After a pick or Escape the field goes on; whoever has clicked elsewhere stays there. */
    takeFocusBack() {
        const focused = document.activeElement;
        if (!focused || focused === document.body || focused.closest(".o_integration_path_popover")) {
            this.input.el?.focus();
        }
    }

    /** The example, null where there is none. */
    async read() {
        const parentId = this.idOf("parent_id") || this.props.record.context.default_parent_id || false;
        return this.flowId
            ? this.orm.silent.call("integration.field.rule", "get_sample_tree", [this.flowId, parentId])
            : null;
    }

    async onOpen() {
        let record = null;
        let unread = false;
        try {
            record = await this.read();
        } catch (error) {
            // The path can still be typed.
            unread = true;
            console.warn("Integrations: the example record could not be read", error);
        }
        this.popover.open(this.button.el, {
            record: record || undefined,
            unread,
            onPick: (path) => this.props.record.update({ [this.props.name]: path }),
        });
    }
}

registry.category("fields").add("integration_path_picker", {
    component: PathPickerField,
    displayName: _t("Path in the Other System"),
    supportedTypes: ["char"],
    extractProps: ({ placeholder }) => ({ placeholder }),
});
