import { registry } from "@web/core/registry";

const PAGE = ".o_notebook .tab-pane.active";
const ROW = `${PAGE} .o_field_widget[name=status_rule_ids] .o_data_row`;

registry.category("web_tour.tours").add("integration_flow_decide_status", {
    steps: () => [
        {
            content: "Statuses have a tab of their own",
            trigger: ".o_notebook .nav-link:contains(Statuses)",
            run: "click",
        },
        {
            content: "It says that a status waits for a decision",
            trigger: `${PAGE} .alert-warning:contains(nobody has decided on yet)`,
        },
        {
            content: "The diagram shows what the rules do",
            trigger: `${PAGE} .o_field_widget[name=status_diagram] svg:contains(processing: Confirm)`,
        },
        {
            content: "Open the undecided rule",
            trigger: `${ROW}:contains(Not Decided Yet) td[name=effect]`,
            run: "click",
        },
        {
            content: "It moves the order",
            trigger: `${ROW} .o_field_widget[name=effect] .o_select_menu_toggler, ${ROW} .o_field_widget[name=effect] select`,
            run: (helpers) => choose(helpers.anchor, "Moves the Record", helpers),
        },
        {
            content: "The stages of sales orders are offered",
            trigger: `${ROW} .o_field_widget[name=stage_id] input`,
            run: "edit Cancelled",
        },
        {
            trigger: ".o-autocomplete--dropdown-item:contains(Cancelled) a",
            run: "click",
        },
        {
            content: "The action is one of those of sales orders, and only of those",
            trigger: `${ROW} .o_field_widget[name=action] .o_select_menu_toggler, ${ROW} .o_field_widget[name=action] select`,
            run: (helpers) => choose(helpers.anchor, "Cancel", helpers, "Validate, No Backorder"),
        },
        {
            content: "Save",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "It is saved",
            trigger: ".o_form_view .o_form_saved",
        },
        {
            content: "Nothing waits for a decision any more",
            trigger: `.o_form_view:not(:has(${PAGE} .alert-warning))`,
        },
        {
            content: "And the diagram knows it",
            trigger: `${PAGE} .o_field_widget[name=status_diagram] svg:contains(refunded: Cancel)`,
        },
    ],
});

/** Choose an entry of a selection, whichever way it is drawn; one that must not be offered is looked for first. */
async function choose(anchor, label, helpers, missing = null) {
    if (anchor.tagName === "SELECT") {
        const options = [...anchor.options].map((option) => option.textContent.trim());
        if (missing && options.includes(missing)) {
            throw new Error(`${missing} is offered`);
        }
        await helpers.select(`"${[...anchor.options].find((option) => option.textContent.trim() === label).value}"`);
        return;
    }
    await helpers.click(anchor);
    const items = () => [...document.querySelectorAll(".o_select_menu_menu .o_select_menu_item")];
    for (let tries = 0; tries < 50 && !items().length; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (missing && items().some((item) => item.textContent.trim() === missing)) {
        throw new Error(`${missing} is offered`);
    }
    await helpers.click(items().find((item) => item.textContent.trim() === label));
}
