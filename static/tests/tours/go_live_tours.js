import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const FORM = "body:not(:has(.modal)) .o_form_view";

function press(content, trigger) {
    return { content, trigger, run: "click" };
}

function fill(name, value, inside = FORM) {
    const trigger = `${inside} .o_field_widget[name=${name}]:is(input, textarea), ${inside} .o_field_widget[name=${name}] :is(input, textarea)`;
    return { content: `${name}: ${value}`, trigger, run: `edit ${value}` };
}

/** A record of another list: its name is typed and taken from what is offered. */
function pick(name, value, offered = value) {
    return [
        fill(name, value),
        press(`Take ${offered}`, `.o-autocomplete--dropdown-item:not(.o_m2o_dropdown_option):contains(${offered})`),
    ];
}

/** An entry of a selection, whichever way it is drawn. */
function select(name, label, inside = FORM) {
    const field = `${inside} .o_field_widget[name=${name}]`;
    return {
        content: `${name}: ${label}`,
        trigger: `${field} .o_select_menu_toggler, ${field} select`,
        run: async (helpers) => {
            if (helpers.anchor.tagName === "SELECT") {
                const option = [...helpers.anchor.options].find((option) => option.textContent.trim() === label);
                await helpers.select(option.value);
                return;
            }
            await helpers.click(helpers.anchor);
            const item = () =>
                [...document.querySelectorAll(".o_select_menu_item")].find((item) => item.textContent.trim() === label);
            for (let tries = 0; tries < 50 && !item(); tries++) {
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            await helpers.click(item());
        },
    };
}

const SAVE = [
    press("Save", ".o_form_button_save:enabled"),
    { content: "It is saved", trigger: `${FORM} .o_form_saved` },
];

const tab = (name) => press(`The tab ${name}`, `${FORM} .o_notebook .nav-link[name=${name}]`);
const ROW = `${FORM} .o_field_widget[name=operation_ids] .o_selected_row`;
const RULE = `${FORM} .o_field_widget[name=rule_ids] .o_selected_row`;

// From nothing to the first import in Test. The form of a new connection is open; its address is filled in.
tours.add("integration_flow_go_live_begin", {
    steps: () => [
        fill("name", "Live Shop"),
        fill("test_path", "system_status"),
        fill("api_name", "Go Live API"),
        select("auth_type", "API Key in a Header"),
        fill("auth_name", "X-API-Key"),
        fill("auth_secret_input", "sandbox-api-key"),
        press("Test Connection", ".o_statusbar_buttons button[name=action_test]"),
        { content: "The shop answers", trigger: `${FORM} .o_integration_steps.text-success` },
        tab("provider"),
        fill("provider_contact", "The shop's hosting company"),
        ...SAVE,
        press("Its resources", "button[name=action_open_resources]"),
        press("A new one", ".o_list_button_add:visible, .o-kanban-button-new:visible"),
        fill("name", "Product categories"),
        fill("name_path", "name"),
        press("An operation", `${FORM} .o_field_widget[name=operation_ids] .o_field_x2many_list_row_add a`),
        select("kind", "List", ROW),
        fill("path", "products/categories", ROW),
        ...SAVE,
        press("Back to the connection", ".breadcrumb-item a:contains(Live Shop), .o_back_button"),
        press("Its flows", "button[name=action_open_flows]"),
        press("A new one", ".o_list_button_add:visible, .o-kanban-button-new:visible"),
        fill("name", "Shop categories"),
        ...pick("resource_id", "Product categories"),
        ...pick("model_id", "Partner Tags"),
        tab("fields"),
        press("A rule", `${FORM} .o_field_widget[name=rule_ids] .o_field_x2many_list_row_add a`),
        press("Which field", `${RULE} .o_field_widget[name=odoo_path] .o_model_field_selector`),
        { content: "Search it", trigger: ".o_model_field_selector_popover_search input", run: "edit Name" },
        press("Take it", ".o_model_field_selector_popover_item_name:contains(/^Name$/), .o_model_field_selector_popover_item[data-name=name] button"),
        fill("external_path", "name", RULE),
        press("It recognises records", `${RULE} .o_field_widget[name=match_key] input`),
        ...SAVE,
        press("Test", ".o_statusbar_buttons button[name=action_test_mode]"),
        press("Sync Now", ".o_statusbar_buttons button[name=action_sync_now]"),
        { content: "It has started", trigger: ".o_notification:contains(started)" },
    ],
});

// The first records are there: from the list of what is missing to Live. The flow's form is open.
tours.add("integration_flow_go_live_end", {
    steps: () => [
        { content: "Not yet", trigger: `${FORM} .o_field_widget[name=readiness_items]:contains(No test case has passed yet)` },
        press("What has come", "button[name=action_open_sync]:has([name=synced_count])"),
        press("The first record", ".o_list_view .o_data_row:first td[name=display_name]"),
        press("It becomes an example", "button[name=action_save_test_case]"),
        press("With today's result", ".o_statusbar_buttons button[name=action_take_result]"),
        press("It was looked at", ".modal .modal-footer .btn-primary"),
        { content: "It passes", trigger: `${FORM} .alert-success:visible:contains(as expected)` },
        press("The way back", ".o_breadcrumb .breadcrumb-item button:has(.oi-ellipsis-h)"),
        press("To the flow", ".o-dropdown-item:contains(Shop categories)"),
        tab("plan"),
        fill("purpose", "Categories are typed once: in the shop."),
        fill("users_see", "Tags with the names of the shop's categories."),
        fill("frequency_reason", "They change a few times a year."),
        fill("records_in_per_day", "5"),
        fill("records_in_all", "50"), // a shop that cannot be asked for changes is read whole
        ...pick("business_owner_id", "admin", "Admin"),
        ...pick("responsible_id", "admin", "Admin"),
        ...SAVE,
        press("Agree", ".o_statusbar_buttons button[name=action_agree]"),
        press("It does what the work needs", ".modal .modal-footer .btn-primary"),
        { content: "Nothing is missing", trigger: `${FORM} .o_field_widget[name=readiness_items]:contains(Ready to go live)` },
        press("Go Live", ".o_statusbar_buttons button[name=action_go_live].btn-primary"),
        press("Yes", ".modal .modal-footer .btn-primary"),
        { content: "It is live", trigger: `${FORM} .o_arrow_button_current:contains(Live)` },
    ],
});
