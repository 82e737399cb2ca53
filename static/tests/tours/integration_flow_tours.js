import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_retry_from_list", {
    steps: () => [
        {
            content: "The failed record shows its state in words and its reason",
            trigger: ".o_data_row:contains(Tour Customer):contains(Failed):contains(The shop refuses this e-mail address)",
        },
        {
            content: "Try it again",
            trigger: ".o_data_row:contains(Tour Customer) button[name=action_retry]",
            run: "click",
        },
        {
            content: "The outcome is shown at once",
            trigger: ".o_notification:contains(Tour Customer):contains(127.0.0.1:9)",
        },
        {
            content: "The list shows the new reason",
            trigger: ".o_data_row:contains(Tour Customer):contains(Failed):contains(127.0.0.1:9)",
        },
        {
            content: "Open the record",
            trigger: ".o_data_row:contains(Tour Customer) td[name=display_name]",
            run: "click",
        },
        {
            content: "What happened and what to do",
            trigger: ".o_form_view .alert-danger:contains(What to do)",
        },
        {
            content: "The history tells of the retry",
            trigger: ".o_field_widget[name=log_ids] .o_data_row:contains(Failed)",
        },
    ],
});

tours.add("integration_flow_retry_from_banner", {
    steps: () => [
        {
            content: "The banner says what happened and what to do",
            trigger: ".o_integration_status_banner[data-state=failed]:contains(The shop refuses this e-mail address):contains(Correct it)",
        },
        {
            content: "The smart button shows the worst state",
            trigger: ".o_integration_status_button[data-state=failed]:contains(Failed)",
        },
        {
            content: "Change something first",
            trigger: ".o_field_widget[name=phone] input",
            run: "edit 0800 1",
        },
        {
            content: "Retry saves the form and tries again",
            trigger: ".o_integration_status_banner .o_integration_retry",
            run: "click",
        },
        {
            content: "The outcome is shown at once",
            trigger: ".o_notification:contains(Tour Customer)",
        },
        {
            content: "The banner shows the new reason",
            trigger: ".o_integration_status_banner:contains(127.0.0.1:9):not(:contains(refuses this e-mail))",
        },
        {
            content: "Open the panel behind the smart button",
            trigger: ".o_integration_status_button",
            run: "click",
        },
        {
            content: "A line for each flow of the record, and the way to its sync records",
            trigger: ".o_integration_status_panel:has(.o_integration_status_line[data-state=failed]) .o_integration_open_syncs",
            run: "click",
        },
        {
            content: "Only those of this record are listed",
            trigger: ".o_list_view .o_data_row:contains(Tour Customer)",
        },
    ],
});

function menu(name) {
    return [
        {
            content: "Open the configuration menu",
            trigger: "button[data-menu-xmlid='integration_flow.menu_configuration']",
            run: "click",
        },
        {
            content: `Open ${name}`,
            trigger: `.dropdown-item[data-menu-xmlid='integration_flow.${name}']`,
            run: "click",
        },
    ];
}

function newRecord(title) {
    return [
        {
            content: `In the list ${title}`,
            trigger: `.o_breadcrumb:contains(${title})`,
        },
        {
            content: "Make a new one",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "The form is empty",
            trigger: ".o_form_view .o_breadcrumb:contains(New)",
        },
    ];
}

function type(field, value) {
    return {
        content: `Fill in ${field}`,
        trigger: `.o_field_widget[name=${field}] :is(input, textarea)`,
        run: `edit ${value}`,
    };
}

function choose(field, value) {
    return [
        type(field, value),
        {
            content: `Choose ${value}`,
            trigger: `.o-autocomplete--dropdown-menu .dropdown-item:contains(${value})`,
            run: "click",
        },
    ];
}

function save() {
    return [
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "It is saved", trigger: ".o_form_view .o_form_saved" },
    ];
}

tours.add("integration_flow_first_flow", {
    steps: () => [
        ...newRecord("Connections"),
        type("name", "My First System"),
        type("base_url", "http://127.0.0.1:9/api"),
        type("api_name", "first"),
        {
            content: "Without authentication there is no secret to fill in",
            trigger: ".o_form_view:not(:has(.o_field_widget[name=auth_secret_input]))",
        },
        ...save(),

        ...menu("menu_resources"),
        ...newRecord("Resources"),
        type("name", "Contacts"),
        type("api_name", "first"),
        type("code", "contact"),
        {
            content: "Add an operation",
            trigger: ".o_field_widget[name=operation_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            content: "Its path",
            trigger: ".o_data_row .o_field_widget[name=path] input",
            run: "edit contacts",
        },
        ...save(),

        ...menu("menu_flows"),
        ...newRecord("Flows"),
        type("name", "My First Flow"),
        ...choose("connection_id", "My First System"),
        ...choose("resource_id", "Contacts"),
        ...choose("model_id", "Contact"),
        ...save(),
        {
            content: "The flow tells what is missing",
            trigger: ".o_form_view .alert-warning:contains(No field rule yet)",
        },
        { content: "Tab Fields", trigger: ".nav-link[name=fields]", run: "click" },
        {
            content: "Add a rule",
            trigger: ".o_field_widget[name=rule_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            content: "Pick the Odoo field",
            trigger: ".o_data_row .o_field_widget[name=odoo_path] .o_model_field_selector",
            run: "click",
        },
        {
            content: "Search for it",
            trigger: ".o_model_field_selector_popover .o_model_field_selector_popover_search input",
            run: "edit email",
        },
        {
            content: "Email",
            trigger: ".o_model_field_selector_popover_item[data-name=email] .o_model_field_selector_popover_item_name",
            run: "click",
        },
        {
            content: "Where it stands on the other side",
            trigger: ".o_data_row .o_field_widget[name=external_path] input",
            run: "edit email",
        },
        ...save(),
        {
            content: "It can be tested",
            trigger: ".o_form_view .alert-success:contains(this flow can be tested)",
        },
        { content: "Into Test", trigger: "button[name=action_test_mode]", run: "click" },
        {
            content: "The flow is in Test",
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Test)",
        },
    ],
});

tours.add("integration_flow_overview_banner", {
    steps: () => [
        {
            content: "The overview says what stops everything, above the flows",
            trigger: ".o_integration_overview_banners .alert-danger:contains(Credentials refused):contains(Enter new ones)",
        },
        {
            content: "The flows are there as well",
            trigger: ".o_integration_overview .o_kanban_record:contains(Sync Now)",
        },
        {
            content: "The way to the place where it is mended",
            trigger: ".o_integration_overview_banners .alert-danger button",
            run: "click",
        },
        {
            content: "The connection",
            trigger: ".o_form_view .o_field_widget[name=base_url]",
        },
    ],
});
