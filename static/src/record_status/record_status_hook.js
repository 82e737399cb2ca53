import { browser } from "@web/core/browser/browser";
import { useBus, useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { onMounted, onWillUnmount, useState } from "@odoo/owl";

// While a record is on its way, its state is asked for again after these pauses, then no more.
const FOLLOW_UP_MS = [2000, 6000, 20000];
const ON_ITS_WAY = ["pending", "processing"];

/**
 * The integration status of the record that a form widget shows, read anew when another record is shown and when
 * this one is saved or reloaded.
 *
 * @param {{ follow?: boolean }} [options] follow: ask again while the record is on its way
 * @returns {{ entries: Object[], loaded: boolean, unread: boolean, reload: () => Promise }} unread: the read failed
 */
export function useRecordStatus({ follow = false } = {}) {
    const service = useService("integration_record_status");
    const status = useState({ entries: [], loaded: false, unread: false });
    let shown = { key: null, pointId: null, dirty: false, resModel: null, resId: false };
    let timer = null;
    let pauses = [];
    let mounted = false;
    let early = null; // an answer that was faster than the first drawing; Owl breaks where state changes under it
    let justSaved = false; // the worker needs a moment to take up what was saved

    function receive(answer) {
        const { key, entries, unread } = answer;
        if (key !== shown.key) {
            return;
        }
        if (!mounted) {
            early = answer;
            return;
        }
        Object.assign(status, { entries, unread, loaded: true });
        const onItsWay = justSaved || entries.some((entry) => ON_ITS_WAY.includes(entry.state));
        justSaved = false;
        if (follow && onItsWay && pauses.length && !timer) {
            timer = browser.setTimeout(() => {
                timer = null;
                load();
            }, pauses.shift());
        }
    }

    async function load(options) {
        const { key, resModel, resId } = shown;
        if (key) {
            receive(await service.load(resModel, resId, options));
        }
    }

    useBus(service.bus, "LOADED", ({ detail }) => receive(detail));

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
            Object.assign(status, { entries: [], loaded: false, unread: false });
        }
        justSaved = saved;
        pauses = [...FOLLOW_UP_MS];
        load();
    });

    onMounted(() => {
        mounted = true;
        if (early) {
            receive(early);
        }
    });
    onWillUnmount(() => {
        shown = { key: null };
        browser.clearTimeout(timer);
    });

    return Object.assign(status, { reload: () => load({ fresh: true }) });
}
