import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const badge = (field) => `.o_field_widget[name=${field}] .o_integration_owned_badge`;

tours.add("integration_flow_owned_locked", {
    steps: () => [
        {
            content: "The badge names the owner and says when it was synchronised",
            trigger: `${badge("email")}[data-policy=lock]:contains(/^\\s*Owned by Tour Shop, synced .*\\d:\\d\\d/)`,
        },
        {
            content: "The field cannot be edited",
            trigger: ".o_field_widget[name=email]:not(:has(input))",
        },
        {
            content: "Others can",
            trigger: ".o_field_widget[name=city] input",
        },
        {
            content: "The badge can be reached by keyboard and tells screen readers everything",
            trigger: `${badge("email")}:not([tabindex])[aria-label*='decides about this value'][aria-label*='Change it in Tour Shop']`,
            run: "click",
        },
        {
            content: "Pressed, it says so to everybody",
            trigger: ".o_integration_owned_explanation:contains(It is locked here. Change it in Tour Shop.)",
        },
        {
            content: "A field with a warning can be edited",
            trigger: ".o_field_widget[name=phone] input",
            run: "edit 0800 7 && press Tab",
        },
        {
            content: "And what will become of it is said at once",
            trigger: `${badge("phone")}.o_integration_owned_warning:contains(Tour Shop will replace this)`,
        },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "It is saved", trigger: ".o_form_view .o_form_saved" },
    ],
});

tours.add("integration_flow_owned_line", {
    steps: () => [
        {
            content: "Edit the first line",
            trigger: ".o_field_widget[name=child_ids] .o_data_row:contains(Theirs) td[name=name]",
            run: "click",
        },
        {
            content: "The field of a line from the other system is locked",
            trigger: ".o_selected_row:contains(Chief) td[name=function].o_readonly_modifier:not(:has(input))",
        },
        {
            content: "Its other fields are not",
            trigger: ".o_selected_row td[name=name] input",
        },
        {
            content: "A line of one's own",
            trigger: ".o_field_widget[name=child_ids] .o_data_row:contains(Mine) td[name=name]",
            run: "click",
        },
        {
            content: "Can be edited",
            trigger: ".o_selected_row td[name=function] input",
            run: "edit Clerk",
        },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "It is saved", trigger: ".o_form_view .o_form_saved" },
    ],
});

tours.add("integration_flow_owned_list", {
    steps: () => [
        {
            content: "Edit a contact in the list",
            trigger: ".o_data_row:contains(Tour Customer) td[name=name]",
            run: "click",
        },
        {
            content: "What another system owns is locked there, too",
            trigger: ".o_selected_row td[name=email].o_readonly_modifier:not(:has(input))",
        },
        {
            content: "Leave it",
            trigger: ".o_list_button_discard",
            run: "click",
        },
        {
            content: "Edit one that is not linked",
            trigger: ".o_data_row:contains(Stranger) td[name=email]",
            run: "click",
        },
        {
            content: "Its e-mail can be changed",
            trigger: ".o_selected_row td[name=email] input",
            run: "edit free@example.com",
        },
        { content: "Save", trigger: ".o_list_button_save", run: "click" },
        { content: "It is saved", trigger: ".o_list_view:not(:has(.o_selected_row))" },
        {
            content: "Select both",
            trigger: "thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "Edit them together",
            trigger: ".o_data_row_selected:contains(Stranger) td[name=email]",
            run: "click",
        },
        {
            content: "By the one that is free",
            trigger: ".o_selected_row td[name=email] input",
            run: "edit both@example.com && press Enter",
        },
        {
            content: "The locked one is left out, and said so",
            trigger: ".modal:contains(/2 selected records, 1/) .btn-primary",
            run: "click",
        },
        {
            content: "Done",
            trigger: ".o_data_row:contains(Stranger):contains(both@example.com)",
        },
        {
            content: "As cards",
            trigger: ".o_switch_view.o_kanban",
            run: "click",
        },
        {
            content: "A card moved into another column",
            trigger: ".o_kanban_group:contains(Contact) .o_kanban_record:contains(Tour Customer)",
            run: "drag_and_drop(.o_kanban_group:contains(Delivery))",
        },
        {
            content: "Is refused where another system owns what the columns stand for",
            trigger: ".o_notification:contains(owned by Tour Shop)",
        },
        {
            content: "It stays where it was",
            trigger: ".o_kanban_group:contains(Contact) .o_kanban_record:contains(Tour Customer)",
        },
    ],
});

tours.add("integration_flow_owned_right_and_why_not", {
    steps: () => [
        {
            content: "Who has the right may write",
            trigger: ".o_field_widget[name=email] input",
            run: "edit manager@example.com && press Tab",
        },
        {
            content: "And is told what becomes of it",
            trigger: `${badge("email")}[data-policy=warn]:contains(Tour Shop will replace this)`,
        },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "It is saved", trigger: ".o_form_view .o_form_saved" },
        {
            content: "The panel behind the smart button",
            trigger: ".o_integration_status_button",
            run: "click",
        },
        {
            content: "A line for each link: state, system, and the external ID as a link",
            trigger:
                ".o_integration_status_panel .o_integration_status_line[data-state=synced]:contains(Tour Shop) a.o_integration_external_id[href='https://shop.example.com/customers/7']",
        },
        {
            content: "Why is it not synchronised?",
            trigger: ".o_integration_status_panel .o_integration_why_not",
            run: "click",
        },
        {
            content: "Gate by gate, with what to do",
            trigger: ".modal .o_integration_gate[data-gate=flow][data-ok=no]:contains(is paused):contains(Resume)",
        },
        {
            content: "What is no obstacle is ticked",
            trigger: ".modal .o_integration_gate[data-gate=connection][data-ok=yes]:contains(✓)",
        },
    ],
});
