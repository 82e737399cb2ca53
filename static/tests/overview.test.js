import { OverviewBanners } from "@integration_flow/overview/overview_banners";
import { Document, defineOurModels, fail, nameless } from "@integration_flow/../tests/component_helpers";
import { describe, expect, queryAllAttributes, queryAllTexts, test } from "@odoo/hoot";
import { contains, mockService, mountView, mountWithCleanup, onRpc } from "@web/../tests/web_test_helpers";

defineOurModels();

describe("days of a flow", () => {
    const DAYS = [
        { day: "2026-02-27", synced: 100, failed: 0 },
        { day: "2026-02-28", synced: 1, failed: 4 },
        { day: "2026-03-01", synced: 0, failed: 0 },
    ];

    async function show(values) {
        Document._records = [{ id: 1, values }];
        const arch = `<form><field name="values" widget="integration_activity" readonly="1"/></form>`;
        await mountView({ type: "form", resModel: "document", resId: 1, arch });
    }

    test("a bar up for what was synced, one down for what failed, and the sum in words", async () => {
        await show(DAYS);
        expect(queryAllAttributes(".o_integration_bar_synced", "height")).toEqual(["26", "2", "0"], {
            message: "the most fills the room, one of a hundred can still be seen",
        });
        expect(queryAllAttributes(".o_integration_bar_failed", "height")).toEqual(["0", "10", "0"]);
        const [up, down] = [".o_integration_bar_synced", ".o_integration_bar_failed"].map((bar) =>
            queryAllAttributes(bar, "y").map(Number)
        );
        expect(Math.max(...up)).toBeLessThan(Math.min(...down), { message: "the place tells them apart, not the colour alone" });
        const words = "3 days: 101 synced, 4 failed";
        expect("svg[role=img]").toHaveAttribute("aria-label", words);
        expect(".o_integration_activity").toHaveText(new RegExp(`${words}$`));
        expect(queryAllTexts("svg title", { raw: true })[1]).toMatch(/Feb 28, 2026: 1 synced, 4 failed/);
    });

    test("a flow that has never run", async () => {
        await show(false);
        expect("rect").toHaveCount(0);
        expect(".o_integration_activity").toHaveText("0 days: 0 synced, 0 failed");
    });
});

describe("banners", () => {
    const BANNERS = [
        { kind: "auth", level: "danger", connection_id: 4, title: "Shop refuses the credentials", message: "Enter them anew." },
        { kind: "silence", level: "warning", connection_id: 5, title: "Nothing arrives from Carrier", message: "" },
    ];

    test("worst first, each with its icon, its words and the way to its connection", async () => {
        onRpc("integration.connection", "get_banners", () => BANNERS);
        mockService("action", {
            doAction: ({ res_model, res_id }) => expect.step(`${res_model} ${res_id}`),
        });
        await mountWithCleanup(OverviewBanners);
        expect(".alert[role=alert]").toHaveCount(2);
        expect(".alert-danger").toHaveText(/Shop refuses the credentials\s*Enter them anew\./);
        expect(".alert-danger i.fa-times-circle[aria-hidden=true]").toHaveCount(1);
        expect(".alert-warning i.fa-exclamation-triangle[aria-hidden=true]").toHaveCount(1);
        expect(nameless(".o_integration_overview_banners")).toEqual([]);
        const described = queryAllAttributes(".alert button", "aria-describedby");
        expect(described.map((id) => document.getElementById(id)?.textContent)).toEqual(BANNERS.map((banner) => banner.title), {
            message: "two buttons of the same name are told apart",
        });
        await contains(".alert-warning button").click();
        expect.verifySteps(["integration.connection 5"]);
    });

    test("nothing where all is well", async () => {
        onRpc("integration.connection", "get_banners", () => []);
        await mountWithCleanup(OverviewBanners);
        expect(".o_integration_overview_banners").toHaveCount(0);
    });

    test("what could not be read is not taken for all is well, and the tiles are there", async () => {
        onRpc("integration.connection", "get_banners", fail);
        const arch = `
            <kanban js_class="integration_overview">
                <templates><t t-name="card"><field name="name"/></t></templates>
            </kanban>`;
        await mountView({ type: "kanban", resModel: "document", arch });
        expect(".o_integration_banners_unread[role=alert]").toHaveText(/could not be read\. Reload the page/);
        expect(".o_kanban_record:contains(Order 7)").toHaveCount(1);
        expect(".modal").toHaveCount(0);
    });
});
