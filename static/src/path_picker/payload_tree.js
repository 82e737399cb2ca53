const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHOWN_ITEMS = 20;
const SHOWN_LENGTH = 60;

/** One step of a path: plain names as they are, others quoted. */
export function step(path, name) {
    const written = PLAIN.test(name) ? name : `"${name.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
    return path ? `${path}.${written}` : written;
}

function shortened(value) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/**
 * The tree of a record as a flat list of nodes, parents before their children: {path, name, value, depth, parent, isBranch}.
 *
 * @param {Object} record decoded JSON
 */
export function payloadNodes(record) {
    const nodes = [];
    const add = (value, path, name, depth, parent) => {
        const isBranch = value !== null && typeof value === "object";
        const size = Array.isArray(value) ? value.length : 0;
        nodes.push({
            path,
            name,
            depth,
            parent,
            isBranch,
            value: isBranch ? (Array.isArray(value) ? `[${size}]` : "") : shortened(value),
        });
        if (Array.isArray(value)) {
            value.slice(0, SHOWN_ITEMS).forEach((each, index) => add(each, `${path}[${index}]`, `[${index}]`, depth + 1, path));
        } else if (isBranch) {
            Object.entries(value).forEach(([key, each]) => add(each, step(path, key), key, depth + 1, path));
        }
    };
    Object.entries(record || {}).forEach(([key, each]) => add(each, step("", key), key, 0, null));
    return nodes;
}

/** The nodes that are seen: those whose parents are all open, or that hold the searched text. */
export function visibleNodes(nodes, open, search = "") {
    const wanted = search.trim().toLowerCase();
    if (wanted) {
        return nodes.filter((node) => node.path.toLowerCase().includes(wanted) || node.value.toLowerCase().includes(wanted));
    }
    const shown = new Set();
    return nodes.filter((node) => {
        const isShown = node.parent === null || (shown.has(node.parent) && open.has(node.parent));
        if (isShown) {
            shown.add(node.path);
        }
        return isShown;
    });
}
