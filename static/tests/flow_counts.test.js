import { ASKED_EVERY_MS, ASKED_FOR_MS } from "@integration_flow/flow_counts/flow_counts";
import { advanceTime, animationFrame, describe, expect, test } from "@odoo/hoot";
import { contains, defineModels, fields, makeServerError, models, mountView, onRpc } from "@web/../tests/web_test_helpers";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";

class Flow extends models.Model {
    _name = "integration.flow";
    name = fields.Char();
    state = fields.Char();
    attention_count = fields.Integer();
    pending_count = fields.Integer();
    synced_count = fields.Integer();
    last_success_at = fields.Datetime();
    _records = [
        { id: 1, name: "Orders", state: "live", attention_count: 0, pending_count: 2, synced_count: 0 },
        { id: 2, name: "Stock", state: "draft", attention_count: 0, pending_count: 0, synced_count: 0 },
    ];
}
defineMailModels();
defineModels([Flow]);

const SAME = { attention_count: 0, pending_count: 2, synced_count: 0, last_success_at: false };
const DONE = { attention_count: 0, pending_count: 0, synced_count: 2, last_success_at: "2026-01-31 12:00:00" };

/** The form of a flow; `world.now` is what the server says. */
async function show(now, resId = 1) {
    const world = { now };
    onRpc("integration.flow", "read", ({ args: [, names] }) => {
        expect.step(names.includes("last_success_at") ? "signs" : "counts");
        if (world.now instanceof Error) {
            throw world.now;
        }
        return [{ id: resId, ...Object.fromEntries(names.map((name) => [name, world.now[name]])) }];
    });
    const arch = `
        <form>
            <widget name="integration_flow_counts"/>
            <field name="state"/><field name="synced_count" readonly="1"/><field name="name"/>
        </form>`;
    await mountView({ type: "form", resModel: "integration.flow", resId, arch });
    return world;
}

async function look() {
    await advanceTime(ASKED_EVERY_MS);
    await animationFrame();
}

describe("numbers of a flow", () => {
    test("nothing is asked about a draft", async () => {
        await show(SAME, 2);
        await look();
        expect.verifySteps([]);
    });

    test("all numbers are read when something has happened, and shown", async () => {
        const world = await show(SAME);
        await look();
        expect.verifySteps(["signs", "counts"]);
        await look();
        expect.verifySteps(["signs"]);
        expect("[name=synced_count]").toHaveText("0");
        world.now = DONE;
        await look();
        expect.verifySteps(["signs", "counts"]);
        expect("[name=synced_count]").toHaveText("2");
    });

    test("what somebody types stays", async () => {
        const world = await show(SAME);
        await contains("[name=name] input").edit("Web orders", { confirm: false });
        world.now = DONE;
        await look();
        expect.verifySteps(["signs", "counts"]);
        expect("[name=synced_count]").toHaveText("2");
        expect("[name=name] input").toHaveValue("Web orders");
    });

    test("it ends when nothing happens for long", async () => {
        await show(SAME);
        await look();
        expect.verifySteps(["signs", "counts"]);
        await advanceTime(ASKED_FOR_MS);
        await animationFrame();
        expect.verifySteps(["signs"]); // the clock jumps over what lies between
        await look();
        expect.verifySteps([]);
    });

    test("a read that fails ends it in silence", async () => {
        const world = await show(SAME);
        await look();
        expect.verifySteps(["signs", "counts"]);
        world.now = makeServerError();
        await look();
        expect.verifySteps(["signs"]);
        await look();
        expect.verifySteps([]);
        expect(".o_dialog").toHaveCount(0);
    });
});
