import { rpcBus } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { EventBus } from "@odoo/owl";

// The panel's parts ask for the same record at nearly the same moment: they share one call.
const SHARED_FOR_MS = 300;
const READING = /^(web_|search|read|formatted_|get_|name_|onchange|has_|fields_|export)/;

/**
 * What integrations say about one business record, asked once for all parts of the form that show it.
 * Every answer is announced on `bus` as "LOADED", so that a retry in one part updates the others.
 */
export const recordStatusService = {
    dependencies: ["orm"],
    start(env, { orm }) {
        const bus = new EventBus();
        let latest = { key: null, at: 0, promise: null };

        // A flow that goes live adds the panel to the forms of its model: views kept by the browser are out of date.
        rpcBus.addEventListener("RPC:RESPONSE", ({ detail }) => {
            const { model, method } = detail.data?.params || {};
            if (model === "integration.flow" && (method === "web_save" || !READING.test(method))) {
                rpcBus.trigger("CLEAR-CACHES", "get_views");
            }
        });

        async function ask(key, resModel, resId) {
            let entries = [];
            let unread = false;
            try {
                entries = await orm.silent.call("integration.sync", "get_record_status", [resModel, resId]);
            } catch (error) {
                // The panel is an extra: whatever it meets, the form of the business record goes on working.
                // But it must not say that nothing has been synchronised, either.
                unread = true;
                console.warn("Integrations: the status of", key, "could not be read", error);
            }
            const answer = { key, entries, unread };
            bus.trigger("LOADED", answer);
            return answer;
        }

        return {
            bus,
            keyOf: (resModel, resId) => (resId ? `${resModel},${resId}` : null),
            /** @param {{ fresh?: boolean }} [options] fresh: something has just been done, an answer from before is no answer */
            load(resModel, resId, { fresh = false } = {}) {
                const key = this.keyOf(resModel, resId);
                const now = Date.now();
                if (fresh || latest.key !== key || now - latest.at > SHARED_FOR_MS) {
                    latest = { key, at: now, promise: ask(key, resModel, resId) };
                }
                return latest.promise;
            },
        };
    },
};

registry.category("services").add("integration_record_status", recordStatusService);
