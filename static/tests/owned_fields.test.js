import { badgeText, consequence, explanation, isLocked, ownershipOf } from "@integration_flow/owned_fields/ownership";
import { Document, defineOurModels, nameless } from "@integration_flow/../tests/component_helpers";
import { animationFrame, describe, expect, mockDate, queryAllTexts, test } from "@odoo/hoot";
import { allowTranslations, contains, mountView, onRpc } from "@web/../tests/web_test_helpers";

const SHOP = { system: "Shop", synced_at: "2026-03-01 08:12:00" };

describe("ownership in words", () => {
    const text = (value) => String(value);

    test("who owns it, and since when it is so", () => {
        allowTranslations();
        mockDate("2026-03-01T12:00:00", 0);
        expect(text(badgeText({ ...SHOP, owner: "external" }))).toMatch(/^Owned by Shop, synced 8:12/);
        expect(text(badgeText({ ...SHOP, synced_at: "2026-02-28 08:12:00", owner: "external" }))).toMatch(/synced 2\/28\/2026/);
        expect(text(badgeText({ ...SHOP, synced_at: false, owner: "external" }))).toBe("Owned by Shop, not synced yet");
        expect(text(badgeText({ ...SHOP, owner: "newest" }))).toMatch(/^Shared with Shop, synced/);
        expect(text(badgeText({ ...SHOP, synced_at: false, owner: "ask" }))).toBe("Shared with Shop, not synced yet");
        expect(text(badgeText({ ...SHOP, synced_at: false, owner: "external", some_lines: true }))).toBe("With lines of Shop, not synced yet");
    });

    test("each owner has a sentence of its own", () => {
        allowTranslations();
        const sentences = [
            { owner: "external" }, { owner: "external", stays: true },
            { owner: "external_unless_blank" }, { owner: "external_unless_blank", sends: true },
            { owner: "newest" }, { owner: "newest", sends: true }, { owner: "ask" }, { owner: "ask", sends: true },
        ].map((owner) => text(consequence({ system: "Shop", ...owner })));
        expect(new Set(sentences).size).toBe(8);
        for (const sentence of sentences) {
            expect(sentence).toMatch(/Shop.*\.$/);
        }
        expect(consequence({ system: "Shop", owner: "odoo" })).toBe("");
    });

    test("what is locked says where to change it; who may change it all the same is told", () => {
        allowTranslations();
        expect(explanation({ ...SHOP, owner: "external", policy: "lock" }).map(text).at(-1)).toBe("It is locked here. Change it in Shop.");
        expect(explanation({ ...SHOP, owner: "external", policy: "warn", may_write: true }).map(text).at(-1)).toMatch(/right to change it/);
        expect(explanation({ ...SHOP, owner: "external", policy: "free" })).toHaveLength(1);
    });

    test("records of models without flows own nothing", () => {
        for (const record of [undefined, {}, { data: {} }, { data: { integration_owned: false } }]) {
            expect(ownershipOf(record, "name")).toBe(null);
            expect(isLocked(record, "name")).toBe(false);
        }
        const record = { data: { integration_owned: { sources: [SHOP], fields: { name: { source: 0, policy: "lock" } } } } };
        expect(ownershipOf(record, "name")).toEqual({ ...SHOP, source: 0, policy: "lock" });
        expect(ownershipOf(record, "count")).toBe(null);
        expect(isLocked(record, "name")).toBe(true);
    });
});

describe("fields of forms and lists", () => {
    defineOurModels();

    const owned = (fields) => ({
        sources: [SHOP],
        fields: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, { source: 0, owner: "external", ...field }])),
    });
    const FORM = `<form><group><field name="name"/><field name="text"/><field name="count"/><field name="integration_owned" invisible="1"/></group></form>`;

    function show(fields, values = {}) {
        Document._records = [{ id: 1, name: "Order 7", text: "A note", count: 3, integration_owned: owned(fields), ...values }];
        return mountView({ type: "form", resModel: "document", resId: 1, arch: FORM });
    }

    const badge = (name) => `.o_field_widget[name=${name}] .o_integration_owned_badge`;

    test("locked: shown, not edited, with a badge that says why", async () => {
        await show({ name: { policy: "lock" } });
        expect(".o_field_widget[name=name] input").toHaveCount(0);
        expect(badge("name")).toHaveText(/^Owned by Shop, synced/);
        expect(`${badge("name")} i.fa-lock[aria-hidden=true]`).toHaveCount(1);
        expect(badge("name")).toHaveAttribute("aria-label", /^Name: Owned by Shop.*It is locked here\. Change it in Shop\.$/);
        expect(badge("count")).toHaveCount(0);
        expect(".o_field_widget[name=count] input").toHaveCount(1);
    });

    test("locked and empty: the badge says which field it is", async () => {
        await show({ name: { policy: "lock" } }, { name: false });
        expect(badge("name")).toHaveText(/^Name: Owned by Shop/);
    });

    test("a change that will not stay is said at once", async () => {
        await show({ text: { policy: "warn" } });
        expect(badge("text")).not.toHaveClass("o_integration_owned_warning");
        expect(`${badge("text")} i.fa-unlock-alt`).toHaveCount(1);
        await contains(".o_field_widget[name=text] textarea").edit("Mine");
        expect(`${badge("text")} [role=alert]`).toHaveText("Shop will replace this");
        await contains(".o_form_button_cancel").click();
        expect(`${badge("text")} [role=alert]`).toHaveCount(0);
    });

    test("a change that stays for a while is said in other words", async () => {
        await show({ text: { policy: "warn", stays: true } });
        await contains(".o_field_widget[name=text] textarea").edit("Mine");
        expect(`${badge("text")} [role=alert]`).toHaveText("Stays until Shop changes it");
    });

    test("free: a badge, and nothing is said about a change", async () => {
        await show({ text: { policy: "free", owner: "newest" } });
        expect(`${badge("text")} i.fa-exchange`).toHaveCount(1);
        await contains(".o_field_widget[name=text] textarea").edit("Mine");
        expect(`${badge("text")} [role=alert]`).toHaveCount(0);
        expect(badge("text")).toHaveText(/^Shared with Shop/);
    });

    test("the badge by keyboard: Enter explains, Escape closes, the focus stays", async () => {
        await show({ name: { policy: "lock" } });
        expect(nameless(".o_field_widget[name=name]")).toEqual([]);
        await contains(badge("name")).focus();
        await contains(badge("name")).press("Enter");
        await animationFrame();
        expect(".o_integration_owned_explanation[role=status]").toHaveText(/^Owned by Shop[^]*decides about this value/);
        expect(queryAllTexts(".o_integration_owned_explanation p")).toHaveLength(2);
        await contains(badge("name")).press("Escape");
        expect(".o_integration_owned_explanation").toHaveCount(0);
        expect(badge("name")).toBeFocused();
    });

    test("in a list: a cell that is locked is not edited, the others are", async () => {
        Document._records = [{ id: 1, name: "Order 7", count: 3, integration_owned: owned({ name: { policy: "lock" } }) }];
        const arch = `<list editable="bottom"><field name="name"/><field name="count"/><field name="integration_owned" column_invisible="1"/></list>`;
        await mountView({ type: "list", resModel: "document", arch });
        expect(".o_integration_owned_badge").toHaveCount(0, { message: "rows that nobody edits show none" });
        await contains(".o_data_cell[name=count]").click();
        expect(".o_data_cell[name=count] input").toHaveCount(1);
        expect(".o_data_cell[name=name] input").toHaveCount(0);
        expect(badge("name")).toHaveAttribute("tabindex", "-1");
    });

    test("editing several records leaves those alone in which the field is locked", async () => {
        Document._records = [
            { id: 1, name: "Order 7", count: 3, integration_owned: owned({ count: { policy: "lock" } }) },
            { id: 2, name: "Order 8", count: 4, integration_owned: false },
        ];
        onRpc("web_save", ({ args }) => expect.step(["web_save", args[0], args[1]]));
        onRpc("web_save_multi", ({ args }) => expect.step(["web_save_multi", args[0], args[1]]));
        onRpc("write", ({ args }) => expect.step(["write", args[0], args[1]]));
        const arch = `<list multi_edit="1"><field name="name"/><field name="count"/><field name="integration_owned" column_invisible="1"/></list>`;
        await mountView({ type: "list", resModel: "document", arch });
        await contains("thead .o_list_record_selector input").click();
        await contains(".o_data_row:eq(1) .o_data_cell[name=count]").click();
        await contains(".o_data_row:eq(1) .o_data_cell[name=count] input").edit("9");
        await animationFrame();
        expect(".modal-body").toHaveText(/Among the 2 selected records, 1 are valid/);
        await contains(".modal-footer .btn-primary").click();
        expect(".o_data_row:eq(0) .o_data_cell[name=count]").toHaveText("3");
        expect(".o_data_row:eq(1) .o_data_cell[name=count]").toHaveText("9");
        expect.verifySteps([["web_save", [2], { count: 9 }]]);
    });

    test("a card cannot be dragged over an owned column's border", async () => {
        Document._records = [
            { id: 1, name: "Order 7", count: 1, integration_owned: owned({ count: { policy: "lock" } }) },
            { id: 2, name: "Order 8", count: 2, integration_owned: false },
        ];
        onRpc("web_save", ({ args }) => expect.step(args));
        const arch = `
            <kanban><field name="integration_owned"/><templates><t t-name="card"><field name="name"/></t></templates></kanban>`;
        await mountView({ type: "kanban", resModel: "document", arch, groupBy: ["count"] });
        await contains(".o_kanban_record:contains(Order 7)").dragAndDrop(".o_kanban_group:eq(1)");
        expect(".o_kanban_group:eq(0) .o_kanban_record").toHaveText("Order 7");
        expect(".o_notification").toHaveText(/Count is owned by Shop and cannot be changed here\./);
        expect.verifySteps([]);
        await contains(".o_kanban_record:contains(Order 8)").dragAndDrop(".o_kanban_group:eq(0)");
        expect(".o_kanban_group:eq(0) .o_kanban_record").toHaveCount(2);
        expect.verifySteps([[[2], { count: 1 }]]);
    });
});
