import { ASKED_EVERY_MS, AttentionMenu } from "@integration_flow/attention/attention_menu";
import { defineOurModels, fail, nameless } from "@integration_flow/../tests/component_helpers";
import { advanceTime, animationFrame, expect, test } from "@odoo/hoot";
import { contains, mockService, mountWithCleanup, onRpc } from "@web/../tests/web_test_helpers";

defineOurModels();

const LINES = [
    { kind: "failed", label: "Failed records", count: 3, icon: "fa-times-circle" },
    { kind: "unknown", label: "Unknown outcomes", count: 1000, icon: "fa-question-circle", more: true },
];

const mine = (total, lines) => onRpc("integration.attention", "get_mine", () => ({ total, lines }));

test("users without integrations see nothing, and nothing is asked for them", async () => {
    onRpc("has_group", ({ args }) => {
        expect.step(args[1]);
        return false;
    });
    onRpc("integration.attention", "get_mine", () => expect.step("asked"));
    await mountWithCleanup(AttentionMenu);
    await advanceTime(3 * ASKED_EVERY_MS);
    expect(".o_integration_attention_button").toHaveCount(0);
    expect.verifySteps(["integration_flow.group_integration_user"]);
});

test("a question about the group that fails leaves the page as it is", async () => {
    onRpc("has_group", fail);
    await mountWithCleanup(AttentionMenu);
    expect(".o_integration_attention_button").toHaveCount(0);
    expect(".modal, .o_notification").toHaveCount(0);
});

test("one thing is said as one", async () => {
    mine(1, [{ ...LINES[0], count: 1 }]);
    await mountWithCleanup(AttentionMenu);
    await animationFrame();
    expect(".o_integration_attention_button").toHaveAttribute("title", "Integrations: 1 thing needs you");
});

test("the count, its words and its lines", async () => {
    mine(1003, LINES);
    await mountWithCleanup(AttentionMenu);
    await animationFrame();
    expect(".o_integration_attention_count").toHaveText("1003+");
    expect(".o_integration_attention_button").toHaveAttribute("aria-label", "Integrations: 1003+ things need you");
    expect("[aria-live=polite]:contains(Integrations: 1003+ things need you)").toHaveCount(1, { message: "it is said when it changes" });
    await contains(".o_integration_attention_button").click();
    expect(".o_integration_attention_menu .dropdown-item[data-kind=failed]").toHaveText(/Failed records\s*3$/);
    expect(".o_integration_attention_menu .dropdown-item[data-kind=unknown]").toHaveText(/Unknown outcomes\s*1000\+$/);
    expect(".o_integration_attention_unread").toHaveCount(0);
    expect(nameless("body")).toEqual([]);
});

test("nothing to do: no badge, and the words say so", async () => {
    mine(0, []);
    await mountWithCleanup(AttentionMenu);
    await animationFrame();
    expect(".o_integration_attention_count").toHaveCount(0);
    expect(".o_integration_attention_button").toHaveAttribute("title", "Integrations: nothing needs you");
});

test("a line opens what it counts", async () => {
    mine(3, LINES.slice(0, 1));
    onRpc("integration.attention", "open_mine", ({ args }) => ({ type: "ir.actions.act_window", name: args[0] }));
    mockService("action", {
        doAction(action, options) {
            expect.step([action.name || action, options]);
        },
    });
    await mountWithCleanup(AttentionMenu);
    await contains(".o_integration_attention_button").click();
    await contains(".dropdown-item[data-kind=failed]").click();
    await contains(".o_integration_attention_button").click();
    await contains(".dropdown-item:contains(Overview)").click();
    expect.verifySteps([
        ["failed", { clearBreadcrumbs: true }],
        ["integration_flow.integration_flow_action_overview", { clearBreadcrumbs: true }],
    ]);
});

test("it is asked once a minute, and a server that fails shows no dialog", async () => {
    let answer = () => ({ total: 3, lines: LINES.slice(0, 1) });
    onRpc("integration.attention", "get_mine", () => {
        expect.step("asked");
        return answer();
    });
    await mountWithCleanup(AttentionMenu);
    await animationFrame();
    expect.verifySteps(["asked"]);
    answer = fail;
    await advanceTime(0.5 * ASKED_EVERY_MS);
    expect.verifySteps([]);
    await advanceTime(2.7 * ASKED_EVERY_MS);
    expect.verifySteps(["asked", "asked", "asked"]);
    expect(".modal, .o_notification").toHaveCount(0);
    expect(".o_integration_attention_count").toHaveText("3", { message: "the last known count stays" });
    await contains(".o_integration_attention_button").click();
    expect.verifySteps(["asked"]);
    expect(".o_integration_attention_unread").toHaveText(/could not be read just now/);
    answer = () => ({ total: 0, lines: [] });
    await advanceTime(1.9 * ASKED_EVERY_MS);
    expect(".o_integration_attention_unread").toHaveCount(0);
    expect(".o_integration_attention_count").toHaveCount(0);
    expect.verifySteps(["asked"]);
});

test("the menu by keyboard: Enter opens, arrows move, Escape gives the focus back", async () => {
    mine(3, LINES);
    await mountWithCleanup(AttentionMenu);
    await animationFrame();
    await contains(".o_integration_attention_button").focus();
    await contains(".o_integration_attention_button").press("Enter");
    await animationFrame();
    await contains(".o_integration_attention_button").press("ArrowDown");
    expect(".dropdown-item[data-kind=failed]").toBeFocused();
    await contains(".dropdown-item[data-kind=failed]").press("Escape");
    expect(".o_integration_attention_menu").toHaveCount(0);
    expect(".o_integration_attention_button").toBeFocused();
});
