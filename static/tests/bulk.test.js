import { BulkProgress } from "@integration_flow/bulk/bulk_progress";
import { Document, defineOurModels, fail, nameless } from "@integration_flow/../tests/component_helpers";
import { advanceTime, animationFrame, expect, test } from "@odoo/hoot";
import {
    contains,
    getService,
    makeServerError,
    mockService,
    mountView,
    mountWithCleanup,
    onRpc,
} from "@web/../tests/web_test_helpers";
import { MainComponentsContainer } from "@web/core/main_components_container";

defineOurModels();

const RUNNING = { title: "Retry", state: "open", state_label: "Running", done: 40, total: 100, progress: 40, failed: 0, message: "" };

/** Open the dialog; `answers` are what the server says, the last one for ever. */
async function openProgress(...answers) {
    onRpc("integration.bulk.action", "get_progress", ({ args }) => {
        expect.step(`look at ${args[0]}`);
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        return typeof answer === "function" ? answer() : answer;
    });
    await mountWithCleanup(MainComponentsContainer);
    getService("dialog").add(BulkProgress, { bulkId: 5 });
    await animationFrame();
    await animationFrame();
}

test("progress in a bar and in words; it follows until the end", async () => {
    await openProgress(RUNNING, {
        ...RUNNING, state: "done", state_label: "Done", done: 100, progress: 100, failed: 2, message: "98 are tried again.",
    });
    expect.verifySteps(["look at 5"]);
    expect(".modal-title").toHaveText("Retry");
    expect("[role=progressbar]").toHaveAttribute("aria-valuenow", "40");
    expect("[role=progressbar]").toHaveAttribute("aria-valuetext", "40 of 100");
    expect(".o_integration_bulk_progress").toHaveText(/40 of 100\s*Running/);
    expect(".progress-bar").toHaveClass("bg-info");
    await advanceTime(1600);
    expect.verifySteps(["look at 5"]);
    expect(".progress-bar").toHaveClass("bg-success");
    expect(".o_integration_bulk_progress strong[role=status]").toHaveText("Done");
    expect(".o_integration_bulk_progress").toHaveText(/Left as they are .*worked on by somebody else.*: 2/);
    expect("[role=status]:contains(98 are tried again.)").toHaveCount(1);
    expect(".modal-footer button").toHaveCount(1, { message: "what is over cannot be cancelled" });
    await advanceTime(10_000);
    expect.verifySteps([]);
});

test("a failed action says so in words, not only in red", async () => {
    await openProgress({ ...RUNNING, state: "failed", state_label: "Failed", message: "The filter is not valid any more." });
    expect.verifySteps(["look at 5"]);
    expect(".progress-bar").toHaveClass("bg-danger");
    expect("[role=status]:contains(Failed)").toHaveCount(1);
    expect("[role=status]:contains(The filter is not valid any more.)").toHaveCount(1);
});

test("a progress that cannot be read is a sentence, and is read again", async () => {
    await openProgress(fail, fail, RUNNING);
    expect(".modal-title").toHaveText("Bulk Action");
    expect(".o_integration_bulk_unread").toHaveText(/cannot be read just now/);
    expect(".o_integration_bulk_progress").not.toHaveText(/undefined| of /);
    await advanceTime(1600);
    expect(".o_integration_bulk_unread").toHaveCount(1);
    await advanceTime(1600);
    expect(".o_integration_bulk_unread").toHaveCount(0);
    expect(".o_integration_bulk_progress").toHaveText(/40 of 100/);
    expect(".modal").toHaveCount(1, { message: "no dialog of an error" });
    expect.verifySteps(["look at 5", "look at 5", "look at 5"]);
});

test("cancel the rest", async () => {
    onRpc("integration.bulk.action", "action_cancel", ({ args }) => {
        expect.step(`cancel ${args[0]}`);
        return true;
    });
    await openProgress(RUNNING, { ...RUNNING, state: "cancelled", state_label: "Cancelled" });
    expect(nameless(".modal")).toEqual([]);
    await contains(".modal-footer button:contains(Cancel the Rest)").click();
    expect.verifySteps(["look at 5", "cancel 5", "look at 5"]);
    expect(".modal-footer button:contains(Cancel the Rest)").toHaveCount(0);
    await contains(".modal-footer button:contains(Close)").click();
    expect(".modal").toHaveCount(0);
    await advanceTime(10_000);
    expect.verifySteps([]);
});

test("a cancel that is refused can be tried again", async () => {
    expect.errors(1);
    onRpc("integration.bulk.action", "action_cancel", () => {
        throw makeServerError({ message: "It belongs to somebody else." });
    });
    await openProgress(RUNNING);
    await contains(".modal-footer button:contains(Cancel the Rest)").click();
    await animationFrame();
    expect.verifyErrors(["It belongs to somebody else."]);
    expect(".modal-footer button:contains(Cancel the Rest)").toBeEnabled();
    expect.verifySteps(["look at 5"]);
});

test("closed by Escape, the focus is where it was", async () => {
    onRpc("integration.bulk.action", "get_progress", () => RUNNING);
    await mountWithCleanup(`<button class="before">Retry All</button>`);
    await contains(".before").focus();
    getService("dialog").add(BulkProgress, { bulkId: 5 });
    await animationFrame();
    await animationFrame();
    expect(".modal-footer .btn-primary").toBeFocused();
    await contains(".modal-footer .btn-primary").press("Escape");
    expect(".modal").toHaveCount(0);
    expect(".before").toBeFocused();
});

const LIST = `
    <list js_class="integration_bulk_list">
        <header><button name="action_retry" type="object" string="Retry"/></header>
        <field name="name"/>
    </list>`;

async function mountList() {
    Document._records = [1, 2, 3].map((id) => ({ id, name: `Order ${id}` }));
    mockService("action", {
        doAction: (action) => expect.step(`do ${action.tag}`),
        doActionButton: ({ name, resIds }) => expect.step(`${name} of ${resIds}`),
    });
    onRpc("integration.bulk.action", "ask", ({ args, kwargs }) => {
        expect.step([...args, kwargs.context.lang]);
        return { type: "ir.actions.client", tag: "integration_bulk_progress" };
    });
    await mountView({ type: "list", resModel: "document", arch: LIST, limit: 2, domain: [["id", ">", 0]] });
    await contains("thead .o_list_record_selector input").click();
}

test("selected rows are sent as they always are", async () => {
    await mountList();
    await contains(".o_control_panel_actions button[name=action_retry]").click();
    expect.verifySteps(["action_retry of 1,2"]);
});

test("all that matches the filter is sent as the filter", async () => {
    await mountList();
    await contains(".o_select_domain").click();
    await contains(".o_control_panel_actions button[name=action_retry]").click();
    expect.verifySteps([["document", "action_retry", [["id", ">", 0]], "en"], "do integration_bulk_progress"]);
});
