/*
 * What is sent: one transceiver a label, kept for the call's life, and how it is encoded.
 *
 * Microphone and camera have their sections from the first offer on, muted where they are off. A
 * section for sending that follows one for receiving would be poorer: Chromium leaves out of later
 * sections each header extension that an earlier answer refused (RID, transport-cc).
 */

const CAMERA_LAYERS = {
    720: [
        { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
        { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
        { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
    ],
    480: [
        { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 200_000 },
        { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 900_000 },
    ],
    360: [{ maxBitrate: 600_000 }],
};
const SCREEN_ENCODING = { maxBitrate: 2_500_000, maxFramerate: 30 };
const DESCRIPTOR =
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
const HINTS = {
    'camera': 'motion',
    'screen': 'detail',
    'microphone': 'speech',
    'screen-audio': 'music',
};

/* The encodings of a source; `quality` is the capture's height, see devices.js. */
export function encodingsOf(label, quality) {
    if (label === 'camera') {
        return structuredClone(CAMERA_LAYERS[quality] ?? CAMERA_LAYERS[720]);
    }
    return label === 'screen' ? [{ ...SCREEN_ENCODING }] : [{}];
}

/*
 * The relay finds key frames by the Dependency Descriptor. Chromium has it for every encoding, but
 * unasked offers it with several only; elsewhere the browser decides.
 */
export function offerDescriptor(transceiver) {
    if (!transceiver.setHeaderExtensionsToNegotiate) {
        return;
    }
    const extensions = transceiver.getHeaderExtensionsToNegotiate();
    const descriptor = extensions.find((e) => e.uri === DESCRIPTOR);
    if (descriptor?.direction === 'stopped') {
        descriptor.direction = 'sendrecv';
        transceiver.setHeaderExtensionsToNegotiate(extensions);
    }
}

export class Published {
    #entries = new Map();
    #pc;
    #quality;
    #held = false;
    /* Sources of one stream are kept in step (lips and voice) by whoever receives them. */
    #streams = { person: new MediaStream(), screen: new MediaStream() };

    constructor(pc, quality) {
        this.#pc = pc;
        this.#quality = quality;
    }

    /*
     * Sends `track` as `label`; null stops it. What is muted has a section even with nothing in it,
     * so that turning it on needs no offer. True: an offer is due.
     */
    set(label, track, muted) {
        let entry = this.#entries.get(label);
        if (!entry) {
            if (!track && !muted) {
                return false;
            }
            entry = {
                label,
                track,
                muted,
                source: null,
                said: muted,
                transceiver: this.#add(label, track),
            };
            this.#entries.set(label, entry);
            return true;
        }
        entry.muted = muted;
        this.#replace(entry, track);
        const direction = track || muted ? 'sendonly' : 'inactive';
        if (entry.transceiver.direction === direction) {
            return false;
        }
        entry.transceiver.direction = direction;
        return true;
    }

    /* While held, nothing is sent, and everything stays agreed: it goes on without an offer. */
    hold(on) {
        this.#held = on;
        for (const entry of this.#entries.values()) {
            this.#replace(entry, entry.track);
        }
    }

    #add(label, track) {
        this.#hint(label, track);
        const kind = label === 'microphone' || label === 'screen-audio' ? 'audio' : 'video';
        const transceiver = this.#pc.addTransceiver(this.#held ? kind : (track ?? kind), {
            direction: 'sendonly',
            streams: [label.startsWith('screen') ? this.#streams.screen : this.#streams.person],
            sendEncodings: encodingsOf(label, this.#quality),
        });
        offerDescriptor(transceiver);
        return transceiver;
    }

    #replace(entry, track) {
        const { sender } = entry.transceiver;
        const sent = this.#held ? null : track;
        entry.track = track;
        if (sender.track === sent) {
            return;
        }
        this.#hint(entry.label, track);
        sender.replaceTrack(sent).catch((error) => {
            console.warn(`headrace: cannot switch the ${entry.label}:`, error.message);
        });
    }

    #hint(label, track) {
        if (track && 'contentHint' in track) {
            track.contentHint = HINTS[label] ?? '';
        }
    }

    /* The `sources` of an offer; remembers what was said about muting. */
    sources() {
        const active = [...this.#entries.values()].filter(
            (e) => e.transceiver.mid !== null && e.transceiver.direction === 'sendonly',
        );
        return active.map((entry) => {
            entry.said = entry.muted;
            return { mid: entry.transceiver.mid, label: entry.label, muted: entry.muted };
        });
    }

    /* Takes the `sources` of an answer. */
    confirm(sources) {
        const ids = new Map(sources.map((s) => [s.mid, s.source]));
        for (const entry of this.#entries.values()) {
            entry.source = ids.get(entry.transceiver.mid) ?? null;
        }
    }

    /* `source` messages that are due because muting changed since it was last said. */
    changes() {
        const due = [...this.#entries.values()].filter(
            (e) => e.source !== null && e.muted !== e.said,
        );
        return due.map((entry) => ({
            message: { type: 'source', source: entry.source, muted: entry.muted },
            sent: () => {
                entry.said = entry.muted;
            },
        }));
    }

    /* Mid -> {label, source}, for statistics. */
    mids() {
        return new Map(
            [...this.#entries.values()].map((e) => [
                e.transceiver.mid,
                { label: e.label, source: e.source },
            ]),
        );
    }
}
