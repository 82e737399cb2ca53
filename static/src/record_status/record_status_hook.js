import { browser } from "@web/core/browser/browser";
import { useBus, useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { onWillUnmount, useState } from "@odoo/owl";

// While a record is on its way, its state is asked for again after these pauses, then no more.
const FOLLOW_UP_MS = [2000, 6000, 20000];
const ON_ITS_WAY = ["pending", "processing"];

/**
 * The integration status of the record that a form widget shows, read anew when another record is shown and when
 * this one is saved or reloaded.
 *
 * @param {{ follow?: boolean }} [options] follow: ask again while the record is on its way
 * @returns {{ entries: Object[], loaded: boolean, reload: () => Promise }}
 */
export function useRecordStatus({ follow = false } = {}) {
    const service = useService("integration_record_status");
    const status = useState({ entries: [], loaded: false });
    let shown = { key: null, pointId: null, dirty: false, resModel: null, resId: false };
    let timer = null;
    let pauses = [];
    let justSaved = false; // the worker needs a moment to take up what was saved

    function receive(key, entries) {
        if (key !== shown.key) {
            return;
        }
        Object.assign(status, { entries, loaded: true });
        const onItsWay = justSaved || entries.some((entry) => ON_ITS_WAY.includes(entry.state));
        justSaved = false;
        if (follow && onItsWay && pauses.length && !timer) {
            timer = browser.setTimeout(() => {
                timer = null;
                load();
            }, pauses.shift());
        }
    }

    async function load() {
        const { key, resModel, resId } = shown;
        if (key) {
            receive(key, await service.load(resModel, resId));
        }
    }

    useBus(service.bus, "LOADED", ({ detail }) => receive(detail.key, detail.entries));

    useRecordObserver((record) => {
        const { resModel, resId, dirty, id: pointId } = record;
        const key = service.keyOf(resModel, resId);
        const before = shown;
        shown = { key, pointId, dirty, resModel, resId };
        const saved = pointId === before.pointId && before.dirty && !dirty;
        if (key === before.key && pointId === before.pointId && !saved) {
            return;
        }
        if (key !== before.key) {
            Object.assign(status, { entries: [], loaded: false });
        }
        justSaved = saved;
        pauses = [...FOLLOW_UP_MS];
        load();
    });

    onWillUnmount(() => {
        shown = { key: null };
        browser.clearTimeout(timer);
    });

    return Object.assign(status, { reload: load });
}
