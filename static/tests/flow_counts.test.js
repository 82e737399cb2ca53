import { ASKED_EVERY_MS } from "@integration_flow/flow_counts/flow_counts";
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
    _records = [
        { id: 1, name: "Orders", state: "live", attention_count: 0, pending_count: 2, synced_count: 0 },
        { id: 2, name: "Stock", state: "draft", attention_count: 0, pending_count: 0, synced_count: 0 },
    ];
}
defineMailModels();
defineModels([Flow]);

/** The form of a flow; `answers` are the counts that are read later, the last one for ever. */
async function show(answers, resId = 1) {
    const left = [...answers];
    onRpc("integration.flow", "read", () => {
        expect.step("asked");
        const answer = left.length > 1 ? left.shift() : left[0];
        if (answer instanceof Error) {
            throw answer;
        }
        return [{ id: resId, ...answer }];
    });
    const arch = `
        <form>
            <widget name="integration_flow_counts"/>
            <field name="state"/><field name="attention_count" readonly="1"/><field name="pending_count" readonly="1"/>
            <field name="synced_count" readonly="1"/><field name="name"/>
        </form>`;
    await mountView({ type: "form", resModel: "integration.flow", resId, arch });
}

async function wait(ms = ASKED_EVERY_MS) {
    await advanceTime(ms);
    await animationFrame();
}

const SAME = { attention_count: 0, pending_count: 2, synced_count: 0 };

describe("numbers of a flow", () => {
    test("nothing is asked about a draft", async () => {
        await show([SAME], 2);
        await wait();
        expect.verifySteps([]);
    });

    test("the form is loaded anew when a number has changed", async () => {
        onRpc("integration.flow", "web_read", () => {
            expect.step("loaded");
        });
        await show([{ attention_count: 0, pending_count: 0, synced_count: 2 }]);
        await wait();
        await animationFrame();
        expect.verifySteps(["loaded", "asked", "loaded"]);
    });

    test("what somebody types is not thrown away", async () => {
        await show([{ attention_count: 0, pending_count: 0, synced_count: 2 }]);
        await contains("[name=name] input").edit("Web orders", { confirm: false });
        await wait();
        expect.verifySteps(["asked"]);
        expect("[name=name] input").toHaveValue("Web orders");
    });

    test("a read that fails ends it in silence", async () => {
        await show([makeServerError()]);
        await wait();
        await wait();
        expect.verifySteps(["asked"]);
        expect(".o_dialog").toHaveCount(0);
    });
});
