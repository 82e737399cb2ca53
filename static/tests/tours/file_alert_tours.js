import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_failed_file", {
    steps: () => [
        {
            content: "One file could not be read",
            trigger: ".o_data_row.text-danger:contains(contacts-2.csv):contains(encoding) .o_data_cell[name=name]",
            run: "click",
        },
        {
            content: "It says why, and what to do",
            trigger: ".o_form_view .alert-danger:contains(not in the encoding):contains(encoding of the other system)",
        },
        {
            content: "The rows that were read with it",
            trigger: "button[name=action_open_rows]",
            run: "click",
        },
        {
            content: "A broken row says in which line it stands",
            trigger: ".o_data_row:contains(Failed):contains(Line 3 of the file)",
        },
        {
            trigger: ".o_data_row:contains(ann@files):contains(Synced)",
        },
        {
            content: "Back to the file",
            trigger: ".o_back_button",
            run: "click",
        },
        {
            content: "The provider has put a good one in its place",
            trigger: ".o_form_view button[name=action_read_again]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(has started)",
        },
        {
            content: "It is to be read again, and its reason is gone",
            trigger: ".o_form_view .badge:contains(To Be Read)",
        },
    ],
});

tours.add("integration_flow_alert", {
    steps: () => [
        {
            content: "The blueprint with the alerts",
            trigger: ".o_kanban_record:contains(Business alerts) button[name=action_import]",
            run: "click",
        },
        {
            content: "First it says what it would create",
            trigger: ".modal .o_data_row:contains(Large order confirmed)",
        },
        {
            trigger: ".modal button[name=action_import]:contains(Import)",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(Large order confirmed) .o_data_cell[name=name]",
            run: "click",
        },
        {
            content: "What it will say, of the newest order",
            trigger: ".o_form_view .o_field_widget[name=preview]:contains(Large Shop ordered for)",
        },
        {
            trigger: "button[name=action_switch_on]",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Switched On)",
        },
        {
            content: "Does it arrive? One chat takes it, the other one refuses",
            trigger: "button[name=action_test]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Chat of)",
        },
        {
            content: "The message that failed",
            trigger: "button[name=action_open_notices]:contains(To Look At)",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Failed) .o_data_cell[name=title]",
            run: "click",
        },
        {
            content: "It says why; the chat works again",
            trigger: ".o_form_view .alert-warning:contains(404)",
        },
        {
            trigger: "button[name=action_retry]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Sent:)",
        },
        {
            trigger: ".o_form_view .badge:contains(/^Sent$/)",
        },
    ],
});
