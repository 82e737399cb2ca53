import { NEEDS_ATTENTION, STATE_LOOKS, lookOf, syncAction } from "@integration_flow/record_status/states";
import { Document, defineOurModels, fail, nameless } from "@integration_flow/../tests/component_helpers";
import { advanceTime, animationFrame, Deferred, describe, expect, mockDate, queryAllTexts, resize, test } from "@odoo/hoot";
import { contains, makeServerError, mockService, mountView, onRpc } from "@web/../tests/web_test_helpers";

defineOurModels();

const LABELS = {
    failed: "Failed", conflict: "Conflict", unknown: "Unknown Outcome", held: "Held", processing: "Processing", pending: "Pending",
    waiting: "Waiting", synced: "Synced", excluded: "Excluded", skipped: "Skipped",
};

function entry(state, values = {}) {
    return {
        id: 3, flow: "Customers", system: "Shop", state, state_label: LABELS[state], external_id: "7", external_url: "", message: "", hint: "",
        last_synced_at: "", last_import_at: "", last_export_at: "", can_retry: state === "failed", ...values,
    };
}

const FAILED = entry("failed", { message: "The shop refuses this e-mail address.", hint: "Correct it on the contact." });
const BUTTON = ".o_integration_status_button";
const PANEL = ".o_integration_status_panel";
const BANNER = ".o_integration_status_banner";

/** A form with our widgets; `answers` are what the server says of the record, the last one for ever. */
async function show(answers, { requests = [], resId = 1 } = {}) {
    const left = [...answers];
    onRpc("integration.sync", "get_record_status", ({ args }) => {
        expect.step(`status of ${args}`);
        const answer = left.length > 1 ? left.shift() : left[0];
        return typeof answer === "function" ? answer() : answer;
    });
    onRpc("integration.flow", "get_record_requests", () => (typeof requests === "function" ? requests() : requests));
    const arch = `
        <form>
            <sheet>
                <div name="button_box"><widget name="integration_status_button"/></div>
                <widget name="integration_status_banner"/>
                <field name="name"/>
            </sheet>
        </form>`;
    await mountView({ type: "form", resModel: "document", resId, arch });
    await animationFrame();
    await advanceTime(400); // the parts of a form that ask within a moment share one answer
}

async function openPanel() {
    await contains(BUTTON).click();
    await animationFrame();
}

describe("states", () => {
    test("each has its icon: colours never tell two states apart alone", () => {
        // A deletion to decide is no state of its own: the record waits.
        expect(Object.keys(STATE_LOOKS).filter((state) => state !== "deletion")).toEqual(Object.keys(LABELS));
        const icons = Object.values(STATE_LOOKS).map((look) => look.icon);
        expect(new Set(icons).size).toBe(icons.length);
        expect(lookOf("something new").icon).toBe("fa-exchange");
        expect(NEEDS_ATTENTION.every((state) => state in STATE_LOOKS)).toBe(true);
    });

    test("the way to one sync record, or to all of a record", () => {
        expect(syncAction("document", 1, { syncId: 3 })).toInclude(["res_id", 3]);
        expect(syncAction("document", 1).domain).toEqual([["model", "=", "document"], ["res_id", "=", 1]]);
    });
});

describe("button", () => {
    for (const state of Object.keys(LABELS)) {
        test(`says in words and with an icon that it is ${state}`, async () => {
            await show([[entry(state)]]);
            expect(BUTTON).toHaveText(new RegExp(`^${LABELS[state]}\\s*Integrations$`));
            expect(BUTTON).toHaveAttribute("data-state", state);
            expect(`${BUTTON} i.${STATE_LOOKS[state].icon}[aria-hidden=true]`).toHaveCount(1);
            expect(BUTTON).toHaveAttribute("title", `Customers (Shop): ${LABELS[state]}`);
            expect(BANNER).toHaveCount(NEEDS_ATTENTION.includes(state) ? 1 : 0);
            expect.verifySteps(["status of document,1"]);
        });
    }

    test("the worst state, and how many flows are in it; all parts of the form ask together", async () => {
        await show([[FAILED, { ...FAILED, id: 4, flow: "Addresses" }, entry("synced", { id: 5, flow: "Orders" })]]);
        expect(BUTTON).toHaveText(/^2 Failed/);
        expect.verifySteps(["status of document,1"]);
    });

    test("no flow has taken the record", async () => {
        await show([[]]);
        expect(BUTTON).toHaveText(/^Not synced/);
        expect(BUTTON).toHaveAttribute("title", "No flow has synchronised this record yet.");
        await openPanel();
        expect(`${PANEL} p`).toHaveText("No flow has synchronised this record yet.");
        expect(`${PANEL} .o_integration_open_syncs`).toHaveCount(0);
        expect.verifySteps(["status of document,1"]);
    });

    test("a state that cannot be read is not taken for none, and the form works", async () => {
        onRpc("web_save", () => expect.step("saved"));
        await show([fail]);
        expect(BUTTON).toHaveText(/^Not readable/);
        expect(BANNER).toHaveCount(0);
        expect(".modal, .o_notification").toHaveCount(0);
        await openPanel();
        expect(`${PANEL} .o_integration_unread`).toHaveText(/could not be read\. Reload the page/);
        expect(PANEL).not.toHaveText(/No flow has synchronised/);
        await contains(`${PANEL} .o_integration_why_not`).press("Escape");
        await contains(".o_field_widget[name=name] input").edit("Order 8");
        await contains(".o_form_button_save").click();
        expect.verifySteps(["status of document,1", "saved", "status of document,1"]);
    });

    test("a new record has nothing to show, and nothing is asked", async () => {
        await show([[]], { resId: false });
        expect(BUTTON).toHaveCount(0);
        expect.verifySteps([]);
    });
});

describe("panel", () => {
    test("a line for each flow: state, system, record over there, both ways", async () => {
        mockDate("2026-03-01T12:00:00", 0);
        await show([[
            entry("failed", { external_url: "https://shop.example.com/7", last_export_at: "2026-03-01 11:00:00" }),
            entry("synced", { id: 4, system: "Carrier", external_url: "javascript:alert(1)", external_id: "C-9" }),
            entry("pending", { id: 5, system: "Planner", external_id: "" }),
        ]]);
        await openPanel();
        expect(queryAllTexts(`${PANEL} li > div:first-child`).map((text) => text.replace(/\s+/g, " "))).toEqual([
            "Failed Shop 7 (opens in a new tab)", "Synced Carrier C-9", "Pending Planner",
        ]);
        expect(`${PANEL} a.o_integration_external_id`).toHaveCount(1, { message: "other addresses than web pages are no links" });
        expect(`${PANEL} li:eq(0)`).toHaveText(/Last export\s*1 hour ago/);
        expect(`${PANEL} li:eq(2)`).toHaveText(/never synced/);
        expect(nameless(PANEL)).toEqual([]);
        expect(`${PANEL} a[href='#']`).toHaveCount(0, { message: "what does something is a button" });
        expect.verifySteps(["status of document,1"]);
    });

    test("opened by keyboard the focus is in it, and comes back", async () => {
        await show([[FAILED]]);
        await contains(BUTTON).focus();
        await contains(BUTTON).press("Enter");
        await animationFrame();
        expect(`${PANEL} .o_integration_open_sync`).toBeFocused();
        await contains(`${PANEL} .o_integration_open_sync`).press("Escape");
        expect(PANEL).toHaveCount(0);
        expect(BUTTON).toBeFocused();
        expect.verifySteps(["status of document,1"]);
    });

    test("ways on: one record, all of them, why not", async () => {
        mockService("action", {
            doAction: ({ res_model, res_id, domain, context }) => expect.step([res_model, res_id || domain || context.default_res_id]),
        });
        await show([[FAILED]]);
        for (const way of [".o_integration_open_sync", ".o_integration_open_syncs", ".o_integration_why_not"]) {
            await openPanel();
            await contains(`${PANEL} ${way}`).click();
            expect(PANEL).toHaveCount(0);
        }
        expect.verifySteps([
            "status of document,1",
            ["integration.sync", 3],
            ["integration.sync", [["model", "=", "document"], ["res_id", "=", 1]]],
            ["integration.why.not", 1],
        ]);
    });

    test("requests that cannot be read are a sentence; the rest of the panel is there", async () => {
        await show([[FAILED]], { requests: fail });
        await openPanel();
        expect(`${PANEL} .o_integration_requests_unread`).toHaveText(/could not be read/);
        expect(`${PANEL} .o_integration_status_line`).toHaveCount(1);
        expect(`${PANEL} .o_integration_request`).toHaveCount(0);
        expect(".modal, .o_notification").toHaveCount(0);
        expect(".o_field_widget[name=name] input").toHaveValue("Order 7");
        expect.verifySteps(["status of document,1"]);
    });

    test("in a menu, as on phones, it is a dialog: a menu closes with the click", async () => {
        await resize({ width: 390, height: 800 });
        await show([[FAILED]]); // the answer for the menu comes before the menu is drawn
        await contains(".o_button_more").click();
        await animationFrame();
        expect(BUTTON).toHaveText(/^Failed/);
        await openPanel();
        expect(`.modal ${PANEL} .o_integration_status_line`).toHaveCount(1);
        expect.verifySteps(["status of document,1", "status of document,1"]);
    });
});

describe("requests", () => {
    const RATES = [{ id: 8, label: "Get Rates", system: "Carrier" }];

    test("saves, asks, says what came, and reads the record anew", async () => {
        onRpc("web_save", () => expect.step("saved"));
        onRpc("web_read", () => expect.step("read"));
        onRpc("integration.flow", "action_request_record", ({ args }) => {
            expect.step(`asked ${args}`);
            return {
                type: "ir.actions.client", tag: "display_notification",
                params: { message: "3 rates were received.", type: "success", next: { type: "ir.actions.act_window_close" } },
            };
        });
        await show([[]], { requests: RATES });
        expect.verifySteps(["read", "status of document,1"]);
        await contains(".o_field_widget[name=name] input").edit("Order 8");
        await openPanel();
        expect(`${PANEL} .o_integration_request`).toHaveText("Get Rates");
        await contains(`${PANEL} .o_integration_request`).click();
        await animationFrame();
        expect(".o_notification").toHaveText(/3 rates were received\./);
        expect.verifySteps(["saved", "asked 8,1", "read", "status of document,1"]);
    });

    test("an answer without words is no error", async () => {
        onRpc("integration.flow", "action_request_record", () => false);
        await show([[]], { requests: RATES });
        await openPanel();
        await contains(`${PANEL} .o_integration_request`).click();
        expect(".modal, .o_notification").toHaveCount(0);
        expect.verifySteps(["status of document,1", "status of document,1"]);
    });

    test("an error is said at once", async () => {
        expect.errors(1);
        onRpc("integration.flow", "action_request_record", () => {
            throw makeServerError({ message: "The carrier does not deliver there." });
        });
        await show([[]], { requests: RATES });
        await openPanel();
        await contains(`${PANEL} .o_integration_request`).click();
        await animationFrame();
        expect.verifyErrors(["The carrier does not deliver there."]);
        expect(".modal").toHaveText(/The carrier does not deliver there\./);
        expect.verifySteps(["status of document,1"]);
    });
});

describe("banner", () => {
    test("says what happened and what to do", async () => {
        await show([[FAILED, entry("synced", { id: 4 })]]);
        expect(`${BANNER}[role=alert]`).toHaveCount(1);
        expect(BANNER).toHaveText(/Failed\s*Customers \(Shop\)\s*The shop refuses this e-mail address\.\s*Correct it on the contact\./);
        expect(BANNER).toHaveClass("alert-danger");
        expect(`${BANNER} i.fa-times-circle[aria-hidden=true]`).toHaveCount(1);
        expect(nameless(BANNER)).toEqual([]);
        expect.verifySteps(["status of document,1"]);
    });

    test("a conflict is decided, not retried", async () => {
        mockService("action", { doAction: ({ res_model, res_id }) => expect.step(`${res_model} ${res_id}`) });
        await show([[entry("conflict")]]);
        expect(`${BANNER} .o_integration_retry`).toHaveCount(0);
        expect(`${BANNER} .o_integration_details`).toHaveText("Decide");
        await contains(`${BANNER} .o_integration_details`).click();
        expect.verifySteps(["status of document,1", "integration.sync 3"]);
    });

    test("Retry: saves first, is pressed once, the keyboard goes on at the smart button", async () => {
        const answer = new Deferred();
        onRpc("web_save", () => expect.step("saved"));
        onRpc("integration.sync", "action_retry", async ({ args }) => {
            expect.step(`retry ${args}`);
            await answer;
            return false;
        });
        await show([[FAILED], [FAILED], [entry("synced")]]);
        await contains(".o_field_widget[name=name] input").edit("Order 8");
        await contains(`${BANNER} .o_integration_retry`).click();
        expect(`${BANNER} .o_integration_retry`).not.toBeEnabled();
        expect(`${BANNER} .o_integration_retry`).toHaveAttribute("aria-busy", "true");
        answer.resolve();
        await animationFrame();
        await animationFrame();
        expect(BANNER).toHaveCount(0);
        expect(BUTTON).toHaveText(/^Synced/);
        expect(BUTTON).toBeFocused();
        expect.verifySteps(["status of document,1", "saved", "retry 3", "status of document,1", "status of document,1"]);
    });

    test("a Retry that fails says so, and can be pressed again", async () => {
        expect.errors(1);
        onRpc("integration.sync", "action_retry", () => {
            throw makeServerError({ message: "Another retry is at work." });
        });
        await show([[FAILED]]);
        await contains(`${BANNER} .o_integration_retry`).click();
        await animationFrame();
        expect.verifyErrors(["Another retry is at work."]);
        expect(`${BANNER} .o_integration_retry`).toBeEnabled();
        expect.verifySteps(["status of document,1", "status of document,1"]);
    });
});

describe("following", () => {
    test("a record on its way is looked at again, three times at most", async () => {
        await show([[entry("pending")]]);
        expect.verifySteps(["status of document,1"]);
        for (const pause of [2000, 6000, 20_000]) {
            await advanceTime(pause);
            await animationFrame();
            expect.verifySteps(["status of document,1"]);
        }
        await advanceTime(60_000);
        expect.verifySteps([]);
    });

    test("what has arrived is not asked for again, and the button shows it", async () => {
        await show([[entry("processing")], [entry("synced")]]);
        expect(BUTTON).toHaveText(/^Processing/);
        await advanceTime(2000);
        await animationFrame();
        expect(BUTTON).toHaveText(/^Synced/);
        await advanceTime(60_000);
        expect.verifySteps(["status of document,1", "status of document,1"]);
    });
});
