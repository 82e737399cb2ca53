// What a person sees: elements by their words, in the dialog if there is one. Each way of looking answers the middle of the
// element, or null.
(() => {
    const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
    const words = (e) => (e.innerText || e.value || e.ariaLabel || e.title || e.dataset.tooltip || "").replace(/\s+/g, " ").replace(/\s*\?$/, "").trim();
    const root = () => [...document.querySelectorAll(".modal.show, .modal.o_technical_modal")].pop() || document;
    const list = (selector, inside = root()) => [...inside.querySelectorAll(selector)].filter(seen);
    const pick = (found, text) => found.find((e) => words(e) === text) || found.find((e) => words(e).startsWith(text)) || null;
    const place = (e) => {
        if (!e) return null;
        e.scrollIntoView({ block: "center", inline: "nearest" });
        const r = e.getBoundingClientRect();
        return [Math.round(r.x + r.width / 2), Math.round(r.y + Math.min(r.height / 2, 20))];
    };
    const column = (title) => {
        for (const table of list(".o_list_table")) {
            const head = [...table.querySelectorAll("th")].find((th) => words(th) === title && seen(th));
            const row = table.querySelector(".o_selected_row");
            if (head && row) return row.querySelector(`td[name="${head.dataset.name}"]`);
        }
    };
    window.eyes = {
        button: (text) => place(pick(list("button, a.btn, .o_field_x2many_list_row_add a, a[role=button]"), text)),
        menu: (text) => place(pick(list(".o_main_navbar a, .o_main_navbar button, .o-dropdown--menu .dropdown-item", document), text)),
        tab: (text) => place(pick(list(".o_notebook .nav-link"), text)),
        field: (text) => {
            const label = pick(list("label, .o_form_label"), text);
            return place(label && (document.getElementById(label.htmlFor) || label));
        },
        column: (text) => { const cell = column(text); return place(cell && (cell.querySelector("input:not([type=hidden]), select, button") || cell)); },
        option: (text) => {
            const offered = list(".o_select_menu_item, .o-autocomplete--dropdown-item, .o_model_field_selector_popover_item_name", document);
            return place(pick(offered, text) || offered.find((e) => words(e).includes(text)));
        },
        row: (number) => place(list(".o_list_view .o_data_row td.o_data_cell[name=display_name], .o_list_view .o_data_row td.o_data_cell")[number]),
        crumb: (text) => place(pick(list(".o_breadcrumb a, .o_breadcrumb button, .breadcrumb-item a", document), text)),
        popover: () => place(list(".o_model_field_selector_popover_search input", document)[0]),
        shows: (text) => root().body ? root().body.innerText.includes(text) : root().innerText.includes(text),
        box: () => place(list("thead .o_list_record_selector input")[0]),
        cell: (text) => place(pick(list(".o_list_view .o_data_row td, .o_list_renderer .o_data_row td"), text)),
        top: (text) => place(list(".oe_stat_button").find((e) => words(e).includes(text))),
        stat: (text) => { const box = pick(list(".oe_stat_button"), text); return box && words(box); },
        quiet: () => !document.querySelector(".o_blockUI, .o_loading_indicator"),
    };
})();
