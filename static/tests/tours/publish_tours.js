import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

tours.add("integration_flow_publish", {
    steps: () => [
        {
            content: "What is published, with its count of documents",
            trigger: ".o_data_row:contains(Tour Contacts):contains(Live) td[name=name]",
            run: "click",
        },
        {
            content: "The form says where it is read",
            trigger: ".o_form_view .o_field_widget[name=publish_url]:contains(/integration/publish/tour-contacts/items)",
        },
        {
            content: "One record has no key",
            trigger: "button[name=action_open_document_errors]:contains(1)",
            run: "click",
        },
        {
            content: "It says why",
            trigger: ".o_data_row:contains(Tour Nobody):contains(Not Published) td[name=error]:contains(Reference)",
        },
        {
            content: "Back to the publication",
            trigger: ".breadcrumb-item a:contains(Tour Contacts), .o_back_button",
            run: "click",
        },
        {
            content: "Who reads it",
            trigger: "button[name=action_open_consumers]",
            run: "click",
        },
        {
            content: "Open the consumer",
            trigger: ".o_data_row:contains(Tour Shop) td[name=name]",
            run: "click",
        },
        {
            content: "Make a token",
            trigger: "button[name=action_new_token]",
            run: "click",
        },
        {
            content: "Say what it is for",
            trigger: ".modal .o_field_widget[name=name] input",
            run: "edit Till",
        },
        {
            content: "Make it",
            trigger: ".modal button[name=action_make]",
            run: "click",
        },
        {
            content: "It is shown once",
            trigger: ".o_notification:contains(ifp_):contains(Copy it now)",
        },
        {
            content: "And stands in the list without its secret",
            trigger: ".o_field_widget[name=token_ids] .o_data_row:contains(Till):contains(Valid)",
        },
        {
            content: "Revoke it",
            trigger: ".o_field_widget[name=token_ids] .o_data_row:contains(Till) button[name=action_revoke]",
            run: "click",
        },
        {
            content: "Are you sure",
            trigger: ".modal .btn-primary",
            run: "click",
        },
        {
            content: "It opens nothing any more",
            trigger: ".o_field_widget[name=token_ids] .o_data_row:contains(Till):contains(Revoked)",
        },
    ],
});
