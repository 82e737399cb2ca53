import { _t } from "@web/core/l10n/translation";

/** How each state looks: the same colours and icons on every screen; the text always stands beside them. */
export const STATE_LOOKS = {
    failed: { tone: "danger", icon: "fa-times-circle" },
    conflict: { tone: "danger", icon: "fa-code-fork" },
    unknown: { tone: "warning", icon: "fa-question-circle" },
    deletion: { tone: "warning", icon: "fa-trash-o" },
    held: { tone: "warning", icon: "fa-hand-paper-o" },
    processing: { tone: "info", icon: "fa-refresh" },
    pending: { tone: "info", icon: "fa-clock-o" },
    waiting: { tone: "secondary", icon: "fa-hourglass-half" },
    synced: { tone: "success", icon: "fa-check-circle" },
    excluded: { tone: "secondary", icon: "fa-minus-circle" },
    skipped: { tone: "secondary", icon: "fa-step-forward" },
};

export const NO_STATE = { tone: "secondary", icon: "fa-exchange" };

/** States that a person has to look at. */
export const NEEDS_ATTENTION = ["failed", "conflict", "unknown", "held"];

/** Whether a person has something to decide or to repair. */
export function needsPerson(entry) {
    return Boolean(entry.decision) || NEEDS_ATTENTION.includes(entry.state);
}

/** How an entry of `get_record_status` looks. */
export function lookOfEntry(entry) {
    return lookOf(entry.decision || entry.state);
}

export function lookOf(state) {
    return STATE_LOOKS[state] || NO_STATE;
}

/** The action that shows the deletion that a sync record waits for. */
export function deletionAction(syncId) {
    return {
        type: "ir.actions.act_window",
        name: _t("Pending Deletions"),
        res_model: "integration.deletion",
        views: [
            [false, "list"],
            [false, "kanban"],
        ],
        mobile_view_mode: "kanban",
        domain: [["sync_id", "=", syncId]],
    };
}

/** The class of texts and icons in the colour of a state: grey on white has to be darker than grey areas. */
export function inkOf({ tone }) {
    return tone === "secondary" ? "text-muted" : `text-${tone}`;
}

/** The action that lists the sync records of one business record, or opens one of them. */
export function syncAction(resModel, resId, { syncId } = {}) {
    return {
        type: "ir.actions.act_window",
        name: _t("Integrations"),
        res_model: "integration.sync",
        views: syncId
            ? [[false, "form"]]
            : [
                  [false, "list"],
                  [false, "kanban"],
                  [false, "form"],
              ],
        mobile_view_mode: "kanban",
        ...(syncId
            ? { res_id: syncId }
            : {
                  domain: [
                      ["model", "=", resModel],
                      ["res_id", "=", resId],
                  ],
              }),
    };
}
