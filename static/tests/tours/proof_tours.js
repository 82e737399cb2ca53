import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_dry_run", {
    steps: () => [
        {
            content: "Ask what would happen",
            trigger: ".o_statusbar_buttons button[name=action_dry_run], .o-dropdown--menu button[name=action_dry_run]",
            run: "click",
        },
        {
            content: "The example of the resource stands there: try it",
            trigger: ".modal button[name=action_preview]",
            run: "click",
        },
        {
            content: "It would be created, and Odoo would hold this name",
            trigger: ".modal .alert-success:visible:contains(Created in Odoo)",
        },
        {
            content: "Field by field: what came, and what Odoo would hold",
            trigger: ".modal .o_field_widget[name=line_ids] .o_data_row:contains(Email):contains(ann@example.com)",
        },
        {
            content: "Keep it as an example that runs every night",
            trigger: ".modal button[name=action_save_test_case]",
            run: "click",
        },
        {
            content: "Run it",
            trigger: ".o_form_view button[name=action_run]",
            run: "click",
        },
        {
            content: "It passes",
            trigger: ".o_form_view .alert-success:visible:contains(as expected)",
        },
    ],
});

tours.add("integration_flow_rule_editor", {
    steps: () => [
        {
            content: "The fields of the flow",
            trigger: ".o_notebook .nav-link[name=fields]",
            run: "click",
        },
        {
            content: "A rule shows what it makes of the example",
            trigger: ".o_field_widget[name=rule_ids] .o_data_row:contains(email):contains(ann@example.com)",
        },
        {
            content: "Let rules be suggested",
            trigger: "button[name=action_suggest_rules]",
            run: "click",
        },
        {
            content: "The town is found inside the billing address",
            trigger: ".modal .o_data_row:contains(City):contains(billing.city):contains(Ghent)",
        },
        {
            content: "Add what is ticked",
            trigger: ".modal button[name=action_add]",
            run: "click",
        },
        {
            content: "The new rule is there",
            trigger: "body:not(:has(.modal)) .o_field_widget[name=rule_ids] .o_data_row:contains(billing.city) td[name=external_path]",
            run: "click",
        },
        {
            content: "Open the picker of paths",
            trigger: ".o_field_widget[name=rule_ids] .o_selected_row .o_integration_path_picker button",
            run: "click",
        },
        {
            content: "Search by the keyboard",
            trigger: ".o_integration_path_popover input[role=combobox]",
            run: "edit postcode",
        },
        {
            content: "One value is found",
            trigger: ".o_integration_path_popover [role=treeitem][aria-selected=true]:contains(billing.postcode):contains(9000)",
        },
        {
            content: "Take it",
            trigger: ".o_integration_path_popover input[role=combobox]",
            run: "press Enter",
        },
        {
            content: "The path stands in the rule, and its new example beside it",
            trigger: ".o_field_widget[name=rule_ids] .o_selected_row:contains(9000) .o_integration_path_picker input:value(billing.postcode)",
        },
        {
            content: "Save",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "It is saved",
            trigger: "body:not(:has(.o_selected_row)) .o_field_widget[name=rule_ids] .o_data_row:contains(city):contains(billing.postcode)",
        },
    ],
});

tours.add("integration_flow_blueprint_import", {
    steps: () => [
        {
            content: "The second Odoo",
            trigger: ".o_kanban_record:contains(Odoo):contains(Countries) button[name=action_import]",
            run: "click",
        },
        {
            content: "Before anything is done, the difference is shown",
            trigger: ".modal .o_data_row:contains(flows/odoo_contacts/interval_number):contains(Changed):contains(7)",
        },
        {
            content: "A rule that the file does not know",
            trigger: ".modal .o_data_row:contains(flows/odoo_contacts/rules/extra):contains(Removed)",
        },
        {
            content: "Import it",
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            content: "The flows",
            trigger: "body:not(:has(.modal)) .o_list_view .o_data_row:contains(Countries)",
        },
    ],
});
