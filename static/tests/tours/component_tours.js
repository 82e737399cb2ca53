import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

function press(label) {
    return [
        {
            content: "Open the panel behind the smart button",
            trigger: ".o_integration_status_button",
            run: "click",
        },
        {
            content: `Press ${label}`,
            trigger: `.o_integration_status_panel .o_integration_request:contains(${label})`,
            run: "click",
        },
        {
            content: "The panel is out of the way of the answer",
            trigger: ".o_form_view:not(:has(.o_integration_status_panel))",
        },
    ];
}

tours.add("integration_flow_request_from_record", {
    steps: () => [
        ...press("Create Label"),
        {
            content: "The carrier wants a city, and says so at once",
            trigger: ".o_notification:contains(Tour Parcel):contains(to.city is missing)",
        },
        {
            content: "It stands on the record, too",
            trigger: ".o_integration_status_banner[data-state=failed]:contains(to.city is missing)",
        },
        {
            content: "Take the notification away",
            trigger: ".o_notification .o_notification_close",
            run: "click",
        },
        {
            content: "Enter the city; the request itself saves it",
            trigger: ".o_field_widget[name=city] input",
            run: "edit Ghent",
        },
        ...press("Create Label"),
        {
            content: "Now it succeeds",
            trigger: ".o_notification:has(.bg-success):contains(Tour Parcel)",
        },
        {
            content: "The answer has filled the form",
            trigger: ".o_field_widget[name=street] input:value(T-s1)",
        },
        {
            content: "And nothing is wrong any more",
            trigger: ".o_form_view:has(.o_integration_status_button[data-state=synced]):not(:has(.o_integration_status_banner))",
        },
    ],
});

tours.add("integration_flow_edit_payload", {
    steps: () => [
        {
            content: "The record says what is missing",
            trigger: ".o_form_view .alert-danger:contains(Job)",
        },
        {
            content: "Correct what was received",
            trigger: "button[name=action_edit_payload]",
            run: "click",
        },
        {
            content: "The dialog shows it as JSON",
            trigger: ".modal .o_field_widget[name=payload] .ace_content:contains(Ann)",
        },
        {
            content: "Enter the job",
            trigger: ".modal .o_field_widget[name=payload] .ace_editor",
            run({ anchor }) {
                const editor = window.ace.edit(anchor);
                editor.setValue(JSON.stringify({ ...JSON.parse(editor.getValue()), job: "Baker" }), -1);
                editor.blur();
            },
        },
        {
            content: "Without a reason it is not saved",
            trigger: ".modal button[name=action_save]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=reason].o_field_invalid",
        },
        {
            content: "Say why",
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit The job was missing",
        },
        {
            trigger: ".modal button[name=action_save]",
            run: "click",
        },
        {
            content: "The dialog is closed, the outcome is shown",
            trigger: ".o_notification:contains(The original is kept)",
        },
        {
            content: "The record waits to be imported",
            trigger: ".o_form_view:not(:has(.alert-danger)) .o_field_widget[name=state]:contains(Pending)",
        },
        {
            content: "Who has edited it, and why",
            trigger: ".o_notebook .nav-link[name=payload]",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=payload_edit_ids] .o_data_row:contains(The job was missing)",
        },
    ],
});

tours.add("integration_flow_settings", {
    steps: () => [
        {
            content: "The settings of integrations are those that are shown",
            trigger:
                ".app_settings_block:not(.d-none)[data-key=integration_flow] .o_field_widget[name=integration_default_retry_attempts] input",
            run: "edit 3",
        },
        {
            trigger: ".o_form_button_save:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is saved: the page is there again, with the new value",
            trigger:
                ".o_form_view .o_field_widget[name=integration_default_retry_attempts] input:value(3)",
        },
    ],
});
