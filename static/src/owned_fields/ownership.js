import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";

const { DateTime } = luxon;

/**
 * What another system owns of a record, as the record brought it from the server; see models/field_rule_form.py.
 *
 * @param {import("@web/model/relational_model/record").Record} record
 * @param {string} fieldName
 * @returns {{ system: string, synced_at: string | false, owner: string, policy: "lock" | "warn" | "free" } | null}
 */
export function ownershipOf(record, fieldName) {
    const owned = record?.data?.integration_owned;
    const field = owned && owned.fields[fieldName];
    return field ? { ...owned.sources[field.source], ...field } : null;
}

/** Whether the forms keep this user from editing this field of this record. */
export function isLocked(record, fieldName) {
    return record?.data?.integration_owned?.fields?.[fieldName]?.policy === "lock";
}

function moment(value) {
    const when = deserializeDateTime(value);
    return when.hasSame(DateTime.now(), "day")
        ? when.toLocaleString(DateTime.TIME_SIMPLE)
        : when.toLocaleString(DateTime.DATETIME_SHORT);
}

/** "Owned by Shop, synced 09:12" */
export function badgeText({ system, synced_at, owner, some_lines }) {
    if (some_lines) {
        return synced_at
            ? _t("With lines of %(system)s, synced %(moment)s", { system, moment: moment(synced_at) })
            : _t("With lines of %(system)s, not synced yet", { system });
    }
    if (!owner.startsWith("external")) {
        return synced_at
            ? _t("Shared with %(system)s, synced %(moment)s", { system, moment: moment(synced_at) })
            : _t("Shared with %(system)s, not synced yet", { system });
    }
    return synced_at
        ? _t("Owned by %(system)s, synced %(moment)s", { system, moment: moment(synced_at) })
        : _t("Owned by %(system)s, not synced yet", { system });
}

/** What happens when the field is changed here, as a sentence. */
export function consequence({ system, owner, sends, stays }) {
    switch (owner) {
        case "external":
            if (stays) {
                return _t(
                    "%(system)s decides about this value: what is entered here stays until it is changed there.",
                    { system }
                );
            }
            return _t(
                "%(system)s decides about this value: what is entered here is replaced when this record is synchronised again.",
                { system }
            );
        case "external_unless_blank":
            return sends
                ? _t(
                      "%(system)s decides as long as it has a value. What is entered here stays, and is sent, only while it has none there.",
                      { system }
                  )
                : _t(
                      "%(system)s decides as long as it has a value. What is entered here stays only while it has none there.",
                      { system }
                  );
        case "newest":
            return sends
                ? _t(
                      "The later change counts: what is entered here is sent to %(system)s, and a later change there replaces it.",
                      { system }
                  )
                : _t("The later change counts: a later change in %(system)s replaces what is entered here.", {
                      system,
                  });
        case "ask":
            return sends
                ? _t(
                      "What is entered here is sent to %(system)s. If it was changed there as well, a person decides which value stays.",
                      { system }
                  )
                : _t("If this value is changed here and in %(system)s, a person decides which one stays.", { system });
    }
    return "";
}

/** All that a person wants to know about an owned field, sentence by sentence. */
export function explanation(ownership) {
    const { system, policy, may_write, some_lines } = ownership;
    const sentences = [];
    if (some_lines) {
        sentences.push(
            _t("The lines that come from %(system)s belong to it; lines that are added here stay.", { system })
        );
    } else {
        sentences.push(consequence(ownership));
    }
    if (policy === "lock") {
        sentences.push(_t("It is locked here. Change it in %(system)s.", { system }));
    } else if (may_write && policy === "warn") {
        sentences.push(_t("You have the right to change it all the same."));
    }
    return sentences;
}
