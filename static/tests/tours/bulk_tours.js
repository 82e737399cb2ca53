import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_bulk_retry", {
    steps: () => [
        {
            content: "The systray says that one unknown outcome needs this user",
            trigger: ".o_integration_attention_button:has(.o_integration_attention_count:contains(1))",
            run: "click",
        },
        {
            content: "A line for each kind of what needs him",
            trigger: ".o_integration_attention_menu .dropdown-item[data-kind=unknown]",
            run: "click",
        },
        {
            content: "It opens what was counted",
            trigger: ".o_breadcrumb:contains(Unknown outcomes)",
        },
        {
            trigger: ".o_list_view:has(.o_data_row:eq(0)):not(:has(.o_data_row:eq(1)))",
        },
        {
            content: "Back to all sync records",
            trigger: "[data-menu-xmlid='integration_flow.menu_sync']",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb:contains(Sync Records)",
        },
        {
            content: "Only those that failed",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_filter_menu .dropdown-item:contains(/^Failed$/)",
            run: "click",
        },
        {
            trigger: ".o_searchview_facet:contains(Failed)",
        },
        {
            content: "Close the menu of filters",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            content: "Tick the page",
            trigger: ".o_list_table thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "And then everything that matches",
            trigger: ".o_selection_box .o_select_domain",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=action_retry]",
            run: "click",
        },
        {
            content: "It says how many these are",
            trigger: ".modal .alert-info:contains(499 records are tried again)",
        },
        {
            trigger: ".modal button[name=action_start]",
            run: "click",
        },
        {
            content: "The progress is shown, and can be cancelled",
            trigger: ".modal .o_integration_bulk_progress[data-state=open]:contains(0 of 499)",
        },
        {
            trigger: ".modal .modal-footer .btn-secondary:contains(Cancel the Rest)",
        },
        {
            content: "It goes on in the background",
            trigger: ".modal .modal-footer .btn-primary:contains(Close)",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:has(.modal)) .o_data_row:contains(Tour)",
        },
    ],
});
