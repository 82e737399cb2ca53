import { loadJS } from "@web/core/assets";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

// What axe-core checks of our screens. Odoo's own parts around them are as they are, and left out.
const RULES = [
    "aria-allowed-attr", "aria-command-name", "aria-hidden-focus", "aria-input-field-name", "aria-progressbar-name", "aria-prohibited-attr",
    "aria-required-attr", "aria-required-children", "aria-required-parent", "aria-roles", "aria-toggle-field-name", "aria-tooltip-name",
    "aria-treeitem-name", "aria-valid-attr", "aria-valid-attr-value", "button-name", "definition-list", "duplicate-id-aria",
    "image-alt", "input-button-name", "link-name", "list", "listitem", "nested-interactive", "role-img-alt", "svg-img-alt", "td-headers-attr", "th-has-data-cells",
];
const OF_ODOO = [
    ".o_main_navbar", ".o_control_panel", ".o_notebook_headers", ".o_statusbar_status", ".o-mail-Form-chatter", ".o_list_record_selector",
    ".o_optional_columns_dropdown", ".o-dropdown", ".o-dropdown-item", ".o-autocomplete--input", ".o-mail-Avatar", ".o_m2o_avatar",
    ".o_field_image",
];
// The colours of pills and of muted text are those of Odoo's theme.
const COLOURS_OF_ODOO = [".badge", ".text-muted"];

const wrong = []; // all of it is told together, at the end

async function check(screen) {
    // What fades in has its colours only at the end.
    const moving = document.getAnimations().filter((each) => each.effect?.getComputedTiming().iterations !== Infinity);
    await Promise.allSettled(moving.map((each) => each.finished));
    const there = (parts) => parts.filter((part) => document.querySelector(part)).map((part) => [part]);
    const found = await window.axe.run(
        { include: [".o_web_client"], exclude: there(OF_ODOO) },
        { runOnly: RULES, resultTypes: ["violations"] }
    );
    const contrast = await window.axe.run(
        { include: ["[class*=o_integration]"], exclude: there(COLOURS_OF_ODOO) },
        { runOnly: ["color-contrast"], resultTypes: ["violations"] }
    );
    const lines = [...found.violations, ...contrast.violations].flatMap((violation) =>
        violation.nodes.map((node) => `${violation.id}: ${node.target.join(" ")}: ${node.html.slice(0, 200)}: ${node.failureSummary}`)
    );
    wrong.push(...lines.map((line) => `${screen}: ${line}`));
}

/** Open a screen, wait for what it shows, check it. */
function screen(action, shown, ...more) {
    return [
        {
            content: `Open ${action}`,
            trigger: ".o_action_manager",
            run: () => odoo.__WOWL_DEBUG__.root.env.services.action.doAction(action, { clearBreadcrumbs: true }),
        },
        { content: `Check ${action}`, trigger: shown, run: () => check(action) },
        ...more.flatMap(([press, then]) => [
            { content: `Go on with ${press}`, trigger: press, run: "click" },
            { content: `Check what ${press} shows`, trigger: then, run: () => check(`${action}, ${press}`) },
        ]),
    ];
}

tours.add("integration_flow_accessibility", {
    steps: () => [
        {
            content: "The checker",
            trigger: ".o_action_manager",
            run: () => loadJS("/integration_flow_accessibility/axe.js"),
        },
        {
            content: "The menu of what needs the user",
            trigger: ".o_integration_attention_button",
            run: "click",
        },
        {
            trigger: ".o_integration_attention_menu .dropdown-item",
            run: () => check("attention"),
        },
        ...screen("integration_flow.integration_flow_action_overview", ".o_integration_overview .o_kanban_record"),
        ...screen("integration_flow.integration_issue_action", ".o_list_view .o_data_row"),
        ...screen(
            "integration_flow.integration_sync_action", ".o_list_view .o_data_row:contains(Failed)",
            [".o_data_row:contains(Failed) td[name=display_name]", ".o_form_view .alert-danger"]
        ),
        ...screen(
            "integration_flow.integration_flow_action", ".o_list_view .o_data_row:contains(Tour Customers)",
            [".o_data_row:contains(Tour Customers) .o_data_cell", ".o_form_view .o_integration_readiness"],
            [".o_notebook .nav-link[name=fields]", ".o_field_widget[name=rule_ids] .o_data_row"]
        ),
        ...screen(
            "integration_flow.integration_conflict_action", ".o_list_view .o_data_row"
        ),
        {
            content: "A record with its panel",
            trigger: ".o_action_manager",
            run: () => odoo.__WOWL_DEBUG__.root.env.services.action.doAction({
                type: "ir.actions.act_window",
                res_model: "res.partner",
                views: [[false, "list"], [false, "form"]],
                domain: [["name", "=", "Tour Customer"]],
            }, { clearBreadcrumbs: true }),
        },
        { trigger: ".o_data_row:contains(Tour Customer) .o_data_cell", run: "click" },
        { trigger: ".o_integration_status_banner", run: () => check("banner of a record") },
        { trigger: ".o_integration_status_button", run: "click" },
        { trigger: ".o_integration_status_panel", run: () => check("panel of a record") },
        {
            content: "Nothing was wrong",
            trigger: ".o_integration_status_panel",
            run() {
                if (wrong.length) {
                    throw new Error(wrong.join("\n"));
                }
            },
        },
    ],
});
