import { changeLines } from "@integration_flow/fields/changes_field";
import { Document, defineOurModels, nameless } from "@integration_flow/../tests/component_helpers";
import { describe, expect, mockDate, queryAllTexts, test } from "@odoo/hoot";
import { allowTranslations, contains, mountView, patchWithCleanup, preloadBundle } from "@web/../tests/web_test_helpers";
import { browser } from "@web/core/browser/browser";

defineOurModels();

function show(values, field, type = "form") {
    Document._records = [{ id: 1, name: "Order 7", ...values }];
    const arch = type === "form" ? `<form>${field}</form>` : `<list>${field}</list>`;
    return mountView({ type, resModel: "document", ...(type === "form" ? { resId: 1 } : {}), arch });
}

describe("attempts", () => {
    const FIELD = `<field name="count" widget="integration_attempts"/>`;

    test("made and allowed", async () => {
        await show({ count: 2, max_attempts: 8 }, FIELD);
        expect(".o_field_widget[name=count]").toHaveText("2 / 8");
        expect(".o_field_widget[name=count] span").toHaveAttribute("title", "2 of 8 attempts");
    });

    test("nothing before the first one", async () => {
        await show({ count: 0, max_attempts: 8 }, FIELD);
        expect(".o_field_widget[name=count]").toHaveText("");
    });
});

describe("changes", () => {
    const FIELD = `<field name="values" widget="integration_changes" readonly="1"/>`;

    test("values as people read them", () => {
        allowTranslations();
        const lines = changeLines({ city: ["", "Ghent"], vip: [false, true], gone: [null, undefined], tags: [[1], { a: 1 }] }, { city: "City" });
        expect(lines.map((line) => line.sentence)).toEqual([
            "City changed from empty to Ghent",
            "vip changed from no to yes",
            "gone changed from empty to empty",
            'tags changed from [1] to {"a":1}',
        ]);
    });

    test("what is no pair of values is shown all the same", () => {
        allowTranslations();
        expect(changeLines({ city: "Ghent" })[0].sentence).toBe("city changed from empty to Ghent");
        for (const nothing of [false, null, undefined, {}]) {
            expect(changeLines(nothing)).toEqual([]);
        }
    });

    test("a table in a form, with names for its columns", async () => {
        await show({ values: { city: ["Mons", "Ghent"], phone: ["", "0300"] } }, FIELD);
        expect(queryAllTexts("th[scope=col]")).toEqual(["Field", "Before", "After"]);
        expect(queryAllTexts("tbody th[scope=row]")).toEqual(["city", "phone"]);
        expect(queryAllTexts("tbody td")).toEqual(["Mons", "Ghent", "empty", "0300"]);
        expect("caption").toHaveCount(1);
    });

    test("no change", async () => {
        await show({ values: false }, FIELD);
        expect(".o_field_widget[name=values]").toHaveText("No change");
    });

    test("in a list three lines, and how many more", async () => {
        const values = Object.fromEntries(["a", "b", "c", "d", "e"].map((code) => [code, [1, 2]]));
        await show({ values }, FIELD, "list");
        expect(".o_integration_changes_short .text-truncate").toHaveCount(3);
        expect(".o_integration_changes_short").toHaveText(/and 2 more$/);
        expect(".o_integration_changes_short .visually-hidden:first").toHaveText("a changed from 1 to 2", { inline: true });
        expect(".o_integration_changes_short > .text-truncate > [aria-hidden=true]").toHaveCount(3, {
            message: "screen readers get the sentence, not the arrow",
        });
    });
});

describe("history of changes", () => {
    const FIELD = `<field name="values" widget="integration_change_history" readonly="1"/>`;

    test("each attempt with its moment, its way and its fields by name", async () => {
        await show({
            values: [{
                id: 3, when: "2026-03-01 10:00:00", outcome: "Updated", direction: "Import",
                changes: { city: ["Mons", "Ghent"] }, labels: { city: "City" },
            }],
        }, FIELD);
        expect("section").toHaveText(/03\/01\/2026.*\s*Updated\s*Import/);
        expect("section tbody").toHaveText(/City\s+Mons\s+Ghent/);
    });

    test("nothing yet: where it is switched on", async () => {
        await show({ values: false }, FIELD);
        expect(".o_field_widget[name=values]").toHaveText(/Nothing has changed yet.*Log Level/);
    });
});

test("a long message in a list is all there on hover", async () => {
    const text = "The shop refuses this. ".repeat(20).trim();
    await show({ text }, `<field name="text" widget="integration_message"/>`, "list");
    expect(".o_integration_message").toHaveText(text);
    expect(".o_integration_message").toHaveAttribute("title", text);
});

test("a missing message is an empty cell", async () => {
    await show({ text: false }, `<field name="text" widget="integration_message"/>`, "list");
    expect(".o_integration_message").toHaveText("");
});

describe("relative time", () => {
    const FIELD = `<field name="moment" widget="integration_relative_time"/>`;

    for (const [moment, words] of [
        ["2026-03-01 11:48:00", "12 minutes ago"],
        ["2026-03-01 14:00:30", "in 2 hours"],
        ["2026-03-01 11:59:40", "just now"],
    ]) {
        test(words, async () => {
            mockDate("2026-03-01T12:00:00", 0);
            await show({ moment }, FIELD);
            expect(".o_field_widget[name=moment] time").toHaveText(new RegExp(`^${words}`));
            expect(".o_field_widget[name=moment] time").toHaveAttribute("title", /^03\/01\/2026/);
            expect(".o_field_widget[name=moment] time .visually-hidden").toHaveText(/03\/01\/2026/, {
                message: "screen readers get the exact time, too",
            });
        });
    }

    test("nothing without a moment", async () => {
        await show({ moment: false }, FIELD);
        expect(".o_field_widget[name=moment] time").toHaveCount(0);
    });
});

describe("payload", () => {
    const FIELD = `<field name="text" widget="integration_payload" readonly="1"/>`;
    preloadBundle("web.ace_lib");

    test("JSON is indented, and copied as it is shown", async () => {
        patchWithCleanup(browser.navigator.clipboard, {
            writeText: (text) => {
                expect.step(text);
                return Promise.resolve();
            },
        });
        await show({ text: '{"id":7,"city":"Ghent"}' }, FIELD);
        expect(".o_integration_payload").toHaveAttribute("data-lines", "4");
        expect(".o_integration_payload .ace_line").toHaveCount(4);
        expect(nameless(".o_integration_payload")).toEqual([]);
        await contains(".o_integration_payload button").click();
        expect.verifySteps(['{\n  "id": 7,\n  "city": "Ghent"\n}']);
    });

    test("what is no JSON is shown as it came", async () => {
        await show({ text: '{"id": 7, "city": "Gh' }, FIELD);
        expect(".o_integration_payload").toHaveAttribute("data-lines", "1");
        expect(".o_integration_payload").toHaveText(/"city": "Gh/);
    });

    test("nothing stored", async () => {
        await show({ text: false }, FIELD);
        expect(".o_field_widget[name=text]").toHaveText("Nothing is stored here.");
    });
});

describe("a field by its labels", () => {
    const FIELD = `<field name="name" readonly="1" widget="integration_field_path"/>`;

    test("labels where it is read, the path in the title", async () => {
        await show({ name: "count" }, FIELD);
        expect(".o_field_widget[name=name] span").toHaveText("Count");
        expect(".o_field_widget[name=name] span").toHaveAttribute("title", "count");
    });

    test("the path where nobody knows such a field", async () => {
        await show({ name: "no_such_field" }, FIELD, "list");
        expect(".o_field_widget[name=name] span").toHaveText("no_such_field");
    });

    test("the selector of Odoo where it is edited", async () => {
        await show({ name: "count" }, FIELD.replace("readonly", "required"));
        expect(".o_field_widget[name=name] .o_model_field_selector").toHaveCount(1);
    });
});
