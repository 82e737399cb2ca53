import { Document, defineOurModels, nameless } from "@integration_flow/../tests/component_helpers";
import { describe, expect, queryAllAttributes, test } from "@odoo/hoot";
import { contains, mockService, mountView, onRpc } from "@web/../tests/web_test_helpers";

defineOurModels();

const ITEMS = [
    { key: "owner", ok: true, text: "Each field has an owner." },
    { key: "case", ok: false, text: "No test case has passed.", label: "Run them", method: "action_run_cases" },
    { key: "rules", ok: false, text: "There is no field rule.", label: "Fields", page: "fields" },
    { key: "agreed", ok: false, text: "The business has not agreed." },
];

describe("readiness", () => {
    async function show(values, type = "form") {
        Document._records = [{ id: 1, name: "Orders", values }];
        await mountView({
            type, resModel: "document", ...(type === "form" ? { resId: 1 } : {}),
            arch: type === "form"
                ? `<form>
                    <field name="name"/>
                    <field name="values" widget="integration_readiness" readonly="1"/>
                    <notebook><page name="plan" string="Plan"/><page name="fields" string="Field Rules"><p>Rules</p></page></notebook>
                   </form>`
                : `<list><field name="values" widget="integration_readiness"/></list>`,
        });
    }

    test("what is missing stands first; icons have names; the sum is a status", async () => {
        await show(ITEMS);
        expect(queryAllAttributes(".o_integration_readiness li", "data-key")).toEqual(["case", "rules", "agreed", "owner"]);
        expect("li[data-key=case]").toHaveText(/^No test case has passed\.\s*Run them$/);
        expect("li[data-ok='0'] [role=img][aria-label=Missing]").toHaveCount(3);
        expect("li[data-ok='1'] [role=img][aria-label=Answered]").toHaveCount(1);
        expect(".o_integration_readiness [role=status]").toHaveText("1 of 4 answered");
        expect("li[data-key=agreed] button").toHaveCount(0, { message: "no way that leads nowhere" });
        expect(nameless(".o_integration_readiness")).toEqual([]);
    });

    test("all answered", async () => {
        await show(ITEMS.slice(0, 1));
        expect(".o_integration_readiness [role=status]").toHaveText("Ready to go live");
        expect("li[data-ok='0']").toHaveCount(0);
    });

    test("nothing computed yet: nothing shown", async () => {
        await show(false);
        expect(".o_integration_readiness").toHaveCount(0);
    });

    test("the way to a tab opens it, and the keyboard goes on there", async () => {
        await show(ITEMS);
        await contains("li[data-key=rules] button").click();
        expect(".nav-link[name=fields]").toHaveClass("active");
        expect(".nav-link[name=fields]").toBeFocused();
    });

    test("the way to a dialog saves first", async () => {
        mockService("action", {
            doActionButton: ({ name, resModel, resId }) => expect.step(`${name} on ${resModel},${resId}`),
        });
        onRpc("web_save", () => expect.step("saved"));
        await show(ITEMS);
        await contains(".o_field_widget[name=name] input").edit("Web orders");
        await contains("li[data-key=case] button").click();
        expect.verifySteps(["saved", "action_run_cases on document,1"]);
    });

    test("where there are no tabs, a way to one does nothing", async () => {
        await show(ITEMS, "list");
        await contains("li[data-key=rules] button").click();
        expect("li[data-key=rules]").toHaveCount(1);
    });
});

describe("drawing", () => {
    const SVG = `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d"><title id="t">Orders</title>`
        + `<desc id="d">Orders of the shop become sale orders.</desc><text>Shop &lt;script&gt;</text></svg>`;

    async function show(text) {
        Document._records = [{ id: 1, text }];
        const arch = `<form><field name="text" widget="integration_svg" readonly="1"/></form>`;
        await mountView({ type: "form", resModel: "document", resId: 1, arch });
    }

    test("drawn as the server made it, with what screen readers say", async () => {
        await show(SVG);
        expect(".o_integration_svg svg[role=img]").toHaveAttribute("aria-labelledby", "t d");
        expect(".o_integration_svg svg > title").toHaveCount(1);
        expect(".o_integration_svg svg > desc").toHaveCount(1);
        expect(".o_integration_svg script").toHaveCount(0);
    });

    test("no drawing yet", async () => {
        await show(false);
        expect(".o_integration_svg").toHaveCount(0);
    });
});
