import { download } from "@web/core/network/download";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

function press(content, trigger) {
    return { content, trigger, run: "click" };
}

/** Another app, by the menu of all apps. */
function app(xmlid) {
    return [
        press("All apps", ".o_navbar_apps_menu button"),
        press(`The app ${xmlid}`, `.o-dropdown--menu .o_app[data-menu-xmlid='${xmlid}']`),
    ];
}

const ISSUES = [
    press("What needs somebody", ".o_menu_sections [data-menu-xmlid='integration_flow.menu_needs_attention']"),
    press("By cause", ".o-dropdown--menu [data-menu-xmlid='integration_flow.menu_attention']"),
];
const LINE = ".o_list_view .o_data_row:contains(there is no Contact with Email)";

// A sales user: an order of the shop has not come, because its customer has another address here. The overview is open.
tours.add("integration_flow_failed_order", {
    steps: () => [
        ...ISSUES,
        press("One line says why; its records", `${LINE} button[name=action_open_records]`),
        press("The order", ".o_list_view .o_data_row:contains(T-1001) td[name=display_name]"),
        { content: "It has failed", trigger: ".o_form_view .o_arrow_button_current:contains(Failed)" },
        { content: "With the value, and what to do", trigger: ".o_form_view .alert-danger:contains(ellen@new.example.com):contains(What to do)" },
        ...app("sale.sale_menu_root"),
        press("Orders", ".o_menu_sections [data-menu-xmlid='sale.sale_order_menu']"),
        press("Customers", ".o-dropdown--menu [data-menu-xmlid='sale.res_partner_menu']"),
        press("The customer", ".o_kanban_record:contains(Ellen Tour), .o_data_row:contains(Ellen Tour) td:contains(Ellen Tour)"),
        { content: "Her new address", trigger: ".o_form_view .o_field_widget[name=email] input", run: "edit ellen@new.example.com" },
        press("Save", ".o_form_button_save:enabled"),
        { content: "It is saved", trigger: ".o_form_view .o_form_saved" },
        ...app("integration_flow.menu_root"),
        ...ISSUES,
        press("The same line again", `${LINE} button[name=action_open_records]`),
        press("The order", ".o_list_view .o_data_row:contains(T-1001) td[name=display_name]"),
        press("Once more", ".o_statusbar_buttons button[name=action_retry]"),
        { content: "It is done", trigger: ".o_form_view .o_arrow_button_current:contains(Synced)" },
        press("The order itself", "button[name=action_open_record]"),
        { content: "Of the customer", trigger: ".o_form_view .o_field_widget[name=partner_id]:contains(Ellen Tour)" },
        ...app("integration_flow.menu_root"),
        ...ISSUES,
        { content: "Nothing is left of it", trigger: `.o_list_view:not(:has(.o_data_row:contains(Email)))` },
    ],
});

// A user reads what a flow does, and prints it. The flow's form is open.
tours.add("integration_flow_print_specification", {
    steps: () => [
        press("In business words", ".o_statusbar_buttons button[name=action_specification], .o-dropdown--menu button[name=action_specification]"),
        { content: "With its purpose", trigger: ":iframe .o_integration_specification:contains(Customers are typed once)" },
        { content: "With its diagram", trigger: ":iframe .o_integration_specification svg[role=img]" },
        {
            content: "Be told when the file has come",
            trigger: ".o_control_panel button:contains(Print)",
            run: () => {
                const original = download._download;
                download._download = async (options) => {
                    await original(options);
                    document.body.classList.add("o_tour_printed");
                    download._download = original;
                };
            },
        },
        press("Print it", ".o_control_panel button:contains(Print)"),
        { content: "The file has come", trigger: ".o_tour_printed" },
    ],
});

const PENDING = ".oe_stat_button .o_field_widget[name=pending_count]";

// The numbers at the top of a flow follow what happens elsewhere. The flow's form is open.
tours.add("integration_flow_counts_follow", {
    steps: () => [
        {
            content: "One record waits; somebody else skips it",
            trigger: `${PENDING}:contains(1)`,
            run: async () => {
                const call = (method, args) =>
                    rpc(`/web/dataset/call_kw/integration.sync/${method}`, {
                        model: "integration.sync", method, args, kwargs: {},
                    });
                const ids = await call("search", [[["name", "=", "Tour Counted"]]]);
                await call("action_skip", [ids]);
            },
        },
        { content: "The page knows", trigger: `${PENDING}:contains(0)` },
    ],
});
