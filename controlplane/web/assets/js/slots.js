/*
 * Receiving media sections, used again and again. A slot is one recvonly transceiver; a source of
 * its kind is bound to it until it ends or is no longer wanted, then the next one can be.
 */

/* More sections would not fit an offer of 256 KiB, nor a screen. */
export const VIDEO_SLOTS = 24;
export const AUDIO_SLOTS = 40;

const LIMIT = { audio: AUDIO_SLOTS, video: VIDEO_SLOTS };

export class Slots {
    #add;
    #slots = [];

    /* add(kind) makes a recvonly transceiver. */
    constructor(add) {
        this.#add = add;
    }

    /*
     * Binds the wanted sources ([{id, kind}], most wanted first) to slots. gone(id) says that a
     * source left the room, so that its slot needs no word to the server. True: an offer is due.
     */
    want(sources, gone = () => false) {
        const chosen = this.#withinLimits(sources);
        const ids = new Set(chosen.map((s) => s.id));
        let due = false;
        for (const slot of this.#slots) {
            if (slot.source !== null && !ids.has(slot.source)) {
                due ||= !gone(slot.source);
                slot.source = null;
                slot.live = false;
            }
        }
        const bound = new Set(this.#slots.map((s) => s.source));
        for (const source of chosen.filter((s) => !bound.has(s.id))) {
            this.#free(source.kind).source = source.id;
            due = true;
        }
        return due;
    }

    #withinLimits(sources) {
        const left = { ...LIMIT };
        return sources.filter((s) => left[s.kind]-- > 0);
    }

    #free(kind) {
        let slot = this.#slots.find((s) => s.kind === kind && s.source === null);
        if (!slot) {
            slot = { kind, source: null, live: false, transceiver: this.#add(kind) };
            this.#slots.push(slot);
        }
        return slot;
    }

    /* The `subscriptions` of an offer, once the local description has given every slot its mid. */
    subscriptions() {
        return this.#slots
            .filter((s) => s.transceiver.mid !== null)
            .map((s) => ({ mid: s.transceiver.mid, source: s.source }));
    }

    /* Takes the `subscriptions` of an answer: only what the server confirms is live. */
    confirm(subscriptions) {
        const bound = new Map(subscriptions.map((s) => [s.mid, s.source]));
        for (const slot of this.#slots) {
            slot.live = slot.source !== null && bound.get(slot.transceiver.mid) === slot.source;
        }
    }

    /* Source id -> RTCRtpReceiver of all that arrives. */
    receivers() {
        return new Map(
            this.#slots.filter((s) => s.live).map((s) => [s.source, s.transceiver.receiver]),
        );
    }

    /* Mid -> source id, for statistics. */
    mids() {
        return new Map(this.#slots.filter((s) => s.live).map((s) => [s.transceiver.mid, s.source]));
    }
}
