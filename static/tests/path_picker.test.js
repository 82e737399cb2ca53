import { payloadNodes, step, visibleNodes } from "@integration_flow/path_picker/payload_tree";
import { Document, defineOurModels, fail, nameless } from "@integration_flow/../tests/component_helpers";
import { animationFrame, describe, expect, queryAllAttributes, queryAllTexts, queryOne, test } from "@odoo/hoot";
import { contains, mountView, onRpc } from "@web/../tests/web_test_helpers";

const ANN = {
    id: 7,
    "first-name": "Ann",
    billing: { city: "Ghent", zip: { code: "9000" } },
    lines: [{ sku: "A1" }, { sku: "B2" }],
    note: null,
};

describe("the tree of a record", () => {
    test("steps of a path are quoted where they must be", () => {
        expect(step("", "id")).toBe("id");
        expect(step("billing", "city")).toBe("billing.city");
        expect(step("", "first-name")).toBe('"first-name"');
        expect(step("a", 'say "x\\y"')).toBe('a."say \\"x\\\\y\\""');
    });

    test("parents stand before their children, with paths, depths and values", () => {
        const nodes = payloadNodes(ANN);
        expect(nodes.map((node) => node.path)).toEqual([
            "id", '"first-name"', "billing", "billing.city", "billing.zip", "billing.zip.code",
            "lines", "lines[0]", "lines[0].sku", "lines[1]", "lines[1].sku", "note",
        ]);
        const code = nodes.find((node) => node.path === "billing.zip.code");
        expect(code).toEqual({ path: "billing.zip.code", name: "code", depth: 2, parent: "billing.zip", isBranch: false, value: "9000" });
        expect(nodes.find((node) => node.path === "lines").value).toBe("[2]");
        expect(nodes.find((node) => node.path === "note")).toInclude(["value", "null"]);
    });

    test("long values and long lists are cut", () => {
        const nodes = payloadNodes({ text: "x".repeat(100), many: Array.from({ length: 500 }, (_, index) => index) });
        expect(nodes[0].value).toBe(`${"x".repeat(60)}…`);
        expect(nodes.filter((node) => node.parent === "many")).toHaveLength(20);
        expect(nodes[1].value).toBe("[500]", { message: "its true length is told" });
    });

    test("nothing to show", () => {
        for (const nothing of [null, undefined, false, {}]) {
            expect(payloadNodes(nothing)).toEqual([]);
        }
    });

    test("only open parents show their children; a search looks everywhere", () => {
        const nodes = payloadNodes(ANN);
        const paths = (...args) => visibleNodes(nodes, ...args).map((node) => node.path);
        expect(paths(new Set())).toEqual(["id", '"first-name"', "billing", "lines", "note"]);
        expect(paths(new Set(["billing"]))).toInclude("billing.city");
        expect(paths(new Set(["billing.zip"]))).not.toInclude("billing.zip.code", { message: "its parent is closed" });
        expect(paths(new Set(), " GHENT ")).toEqual(["billing.city"]);
        expect(paths(new Set(), "zip")).toEqual(["billing.zip", "billing.zip.code"]);
        expect(paths(new Set(), "nowhere")).toEqual([]);
    });
});

describe("the field", () => {
    defineOurModels();

    const INPUT = ".o_field_widget[name=name] input";
    const BUTTON = ".o_integration_path_picker button";
    const POPOVER = ".o_integration_path_popover";
    const SEARCH = `${POPOVER} input[role=combobox]`;

    async function show(tree, context = { default_flow_id: 5 }) {
        Document._records = [{ id: 1, name: "id" }];
        onRpc("integration.field.rule", "get_sample_tree", ({ args }) => {
            expect.step(args);
            return typeof tree === "function" ? tree() : tree;
        });
        const arch = `<form><field name="name" widget="integration_path_picker"/><field name="text"/></form>`;
        await mountView({ type: "form", resModel: "document", resId: 1, arch, context });
    }

    async function open() {
        await contains(BUTTON).click();
        await animationFrame();
    }

    /** Press keys in the search of the picker. */
    async function press(...keys) {
        for (const key of keys) {
            await contains(SEARCH).press(key);
        }
    }

    const active = () => queryOne(`${POPOVER} [role=treeitem][aria-selected=true]`).dataset.path;

    test("arrow keys move, open and close; Enter picks and gives the focus back", async () => {
        await show(ANN);
        await open();
        expect.verifySteps([[5, false]]);
        expect(SEARCH).toBeFocused();
        expect(queryAllAttributes(`${POPOVER} [role=treeitem]`, "data-path")).toEqual([
            "id", '"first-name"', "billing", "billing.city", "billing.zip", "lines", "note",
        ]);
        await press("ArrowDown", "ArrowDown");
        expect(active()).toBe("billing");
        await press("ArrowLeft");
        expect(`${POPOVER} [data-path=billing]`).toHaveAttribute("aria-expanded", "false");
        await press("ArrowRight");
        expect(`${POPOVER} [data-path=billing]`).toHaveAttribute("aria-expanded", "true");
        await press("ArrowRight");
        expect(active()).toBe("billing.city", { message: "right again goes to the first child" });
        await press("ArrowRight");
        expect(active()).toBe("billing.city", { message: "a leaf has none" });
        await press("ArrowDown", "ArrowRight", "ArrowRight");
        expect(active()).toBe("billing.zip.code");
        await press("ArrowLeft");
        expect(active()).toBe("billing.zip", { message: "left goes to the parent" });
        await press("End", "ArrowDown");
        expect(active()).toBe("note");
        await press("Home", "ArrowUp");
        expect(active()).toBe("id");
        await press("ArrowDown", "Enter");
        expect(POPOVER).toHaveCount(0);
        expect(INPUT).toHaveValue('"first-name"');
        expect(INPUT).toBeFocused();
    });

    test("what screen readers are told", async () => {
        await show(ANN);
        expect(BUTTON).toHaveAttribute("aria-haspopup", "tree");
        await open();
        expect.verifySteps([[5, false]]);
        expect(`${POPOVER} [role=tree]`).toHaveAttribute("aria-label", "Example record");
        expect(SEARCH).toHaveAttribute("aria-controls", queryOne(`${POPOVER} [role=tree]`).id);
        await press("ArrowDown");
        expect(SEARCH).toHaveAttribute("aria-activedescendant", queryOne(`${POPOVER} [aria-selected=true]`).id);
        expect(`${POPOVER} [data-path="billing.city"]`).toHaveAttribute("aria-level", "2");
        expect(`${POPOVER} [data-path=id]`).not.toHaveAttribute("aria-expanded", undefined, { message: "a leaf is neither open nor closed" });
        await contains(SEARCH).edit("nowhere", { confirm: false });
        expect(SEARCH).not.toHaveAttribute("aria-activedescendant");
        expect(nameless(POPOVER)).toEqual([]);
        expect(nameless(".o_integration_path_picker").filter((html) => !html.startsWith("<input"))).toEqual([]);
    });

    test("typing searches names and values; Escape leaves all as it was", async () => {
        await show(ANN);
        await open();
        await contains(SEARCH).edit("ghent", { confirm: false });
        expect(queryAllTexts(`${POPOVER} [role=treeitem]`).map((text) => text.replace(/\s+/g, " "))).toEqual(["billing.city Ghent"]);
        await contains(SEARCH).edit("nowhere", { confirm: false });
        expect(`${POPOVER} [role=status]`).toHaveText("Nothing found");
        await press("Enter");
        expect(POPOVER).toHaveCount(1, { message: "there is nothing to pick" });
        await press("Escape");
        expect(POPOVER).toHaveCount(0);
        expect(INPUT).toHaveValue("id");
        expect(INPUT).toBeFocused();
        expect.verifySteps([[5, false]]);
    });

    test("a click on a node picks it, one on its arrow opens it", async () => {
        await show(ANN);
        await open();
        await contains(`${POPOVER} [data-path=lines] .fa-caret-right`).click();
        expect(`${POPOVER} [data-path="lines[1]"]`).toHaveCount(1);
        await contains(`${POPOVER} [data-path="lines[1]"]`).click();
        expect(INPUT).toHaveValue("lines[1]");
        expect.verifySteps([[5, false]]);
    });

    test("who clicks into another field stays there", async () => {
        await show(ANN);
        await open();
        await contains(".o_field_widget[name=text] textarea").click();
        expect(POPOVER).toHaveCount(0);
        expect(".o_field_widget[name=text] textarea").toBeFocused();
        expect.verifySteps([[5, false]]);
    });

    for (const [name, tree, words] of [
        ["without an example it says how to get one", false, /^There is no example yet\. Save the flow/],
        ["an example that cannot be read is a sentence, not a dialog", fail, /^The example could not be read\. Type the path/],
    ]) {
        test(name, async () => {
            await show(tree);
            await open();
            expect.verifySteps([[5, false]]);
            expect(`${POPOVER} p`).toHaveText(words);
            expect(".modal").toHaveCount(0);
            expect(`${POPOVER} p`).toBeFocused({ message: "so that it is read, and Escape is heard" });
            await contains(`${POPOVER} p`).press("Escape");
            expect(POPOVER).toHaveCount(0);
            expect(INPUT).toBeFocused();
        });
    }

    test("no flow yet: nothing is asked", async () => {
        await show(ANN, {});
        await open();
        expect.verifySteps([]);
        expect(`${POPOVER} p`).toHaveText(/^There is no example yet/);
    });

    test("a path may be typed, without the blanks around it", async () => {
        onRpc("web_save", ({ args }) => expect.step(args[1]));
        await show(ANN);
        await contains(INPUT).edit("  billing.city ");
        await contains(".o_form_button_save").click();
        expect.verifySteps([{ name: "billing.city" }]);
    });

    test("read-only: the path, and no button", async () => {
        Document._records = [{ id: 1, name: "billing.city" }];
        const arch = `<form><field name="name" widget="integration_path_picker" readonly="1"/></form>`;
        await mountView({ type: "form", resModel: "document", resId: 1, arch });
        expect(".o_field_widget[name=name]").toHaveText("billing.city");
        expect(BUTTON).toHaveCount(0);
    });
});
