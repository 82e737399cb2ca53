import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_decide_conflict", {
    steps: () => [
        {
            content: "One row a field: what both agreed on, what Odoo holds and who wrote it, what the other system holds",
            trigger:
                ".o_data_row:contains(Tour Customer):contains(Phone):contains(0100):contains(0300):contains(Tour Clerk):contains(0200)",
        },
        {
            content: "Open the record with all of its fields",
            trigger: ".o_data_row:contains(Tour Customer):contains(Phone) td[name=label]",
            run: "click",
        },
        {
            trigger: ".o_form_view button[name=action_open_sync]",
            run: "click",
        },
        {
            content: "Both fields stand on the sync record",
            trigger: ".o_form_view .o_field_widget[name=conflict_ids] .o_data_row:contains(City)",
        },
        {
            content: "The city is taken from the other system",
            trigger: ".o_field_widget[name=conflict_ids] .o_data_row:contains(City) button[name=action_take_external]",
            run: "click",
        },
        {
            content: "It says what came of it",
            trigger: ".o_notification:contains(City decided)",
        },
        {
            content: "Only the telephone number is left to decide",
            trigger: ".o_field_widget[name=conflict_ids]:not(:contains(City)) .o_data_row:contains(Phone)",
        },
        {
            content: "This one shall always be Odoo's",
            trigger: ".o_field_widget[name=conflict_ids] .o_data_row:contains(Phone) button[name=action_decide]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=side] input[data-value=odoo]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=always] input",
            run: "click",
        },
        {
            content: "It says what changes by that, and who else waits for the same decision",
            trigger: ".modal .alert-warning:contains(the owner changes from)",
        },
        {
            trigger: ".modal .o_field_widget[name=others_count]:contains(1)",
        },
        {
            trigger: ".modal button[name=action_decide]",
            run: "click",
        },
        {
            content: "Nothing is left to decide",
            trigger: ".o_form_view:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains(Synced)",
        },
    ],
});

tours.add("integration_flow_approve_deletion", {
    steps: () => [
        {
            content: "What would be deleted, and where",
            trigger: ".o_data_row:contains(gone@example.com):contains(is archived in Odoo)",
        },
        {
            content: "This one is looked at first",
            trigger: ".o_data_row:contains(kept@example.com) button[name=action_open_record]",
            run: "click",
        },
        {
            content: "The contact says that it would be archived, and leads to the decision",
            trigger:
                ".o_form_view .o_integration_status_banner:contains(Deletion to Approve):contains(archived in Odoo) .o_integration_details",
            run: "click",
        },
        {
            content: "It is kept",
            trigger: ".o_list_view:not(:contains(gone@example.com)) .o_data_row:contains(kept@example.com) button[name=action_reject]",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:has(button[name=action_reject].btn-link)) .o_data_row:contains(kept@example.com)",
        },
        {
            trigger: ".o_back_button a",
            run: "click",
        },
        {
            content: "The contact says nothing any more",
            trigger: ".o_form_view:not(:has(.o_integration_status_banner)) .o_field_widget[name=name]",
        },
        {
            trigger: ".o_back_button a",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:contains(kept@example.com)) .o_data_row:contains(gone@example.com)",
        },
        {
            trigger: ".o_data_row:contains(gone@example.com) button[name=action_approve]",
            run: "click",
        },
        {
            content: "Asked once more, since it cannot always be undone",
            trigger: ".modal .btn-primary",
            run: "click",
        },
        {
            content: "The list is empty and says what it is for",
            trigger: ".o_view_nocontent:contains(No deletion waits for you)",
        },
    ],
});
