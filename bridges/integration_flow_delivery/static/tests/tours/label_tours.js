import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_shipping_labels", {
    steps: () => [
        {
            content: "Choose a delivery",
            trigger: ".o_data_row:contains(Tour Good) .o_list_record_selector input",
            run: "click",
        },
        {
            content: "and one whose address is not complete",
            trigger: ".o_data_row:contains(Tour Bad) .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: "button[name=action_integration_print_labels]",
            run: "click",
        },
        {
            content: "It says what is wrong with the one",
            trigger: ".modal .alert-warning:contains(House number is missing)",
        },
        {
            content: "and offers to print the other",
            trigger: ".modal button[name=action_pdf]:visible",
        },
        {
            content: "The one without a label, to repair it",
            trigger: ".modal button[name=action_missing]",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb:contains(Without a Label)",
        },
        {
            trigger: ".o_list_view:has(.o_data_row:contains(Tour Bad)):not(:has(.o_data_row:contains(Tour Good)))",
        },
    ],
});
