/*
 * Who is in the room and what they publish, as the server's messages tell it. Nothing here draws.
 *
 * Events: 'change' (anything), 'arrived' (participant), 'departed' (participant, reason),
 * 'hand' (participant).
 */

import { Emitter } from './emitter.js';

export class Room extends Emitter {
    self = null;
    participants = new Map();
    speaker = null; /* id of the dominant one, mine too; null: nobody */
    recent = []; /* ids of who was, the newest first */
    #messages = {
        'participant-joined': (m) => this.#arrive(m.participant, true),
        'participant-updated': (m) => this.#update(m.participant),
        'participant-left': (m) => this.#depart(m.participant, m.reason),
        'source-added': (m) => this.#setSource(m.participant, m.source),
        'source-updated': (m) => this.#setSource(m.participant, m.source),
        'source-removed': (m) => this.participants.get(m.participant)?.sources.delete(m.source),
        'speaker': (m) => this.#speaks(m),
    };

    listen(signalling) {
        signalling.on('joined', (message) => this.joined(message));
        for (const type of Object.keys(this.#messages)) {
            signalling.on(type, (message) => this.take(type, message));
        }
    }

    take(type, message) {
        this.#messages[type]?.(message);
        this.emit('change');
    }

    /* The whole truth after a join; a resumed one tells only of who came and went meanwhile. */
    joined(message) {
        const first = this.self === null;
        this.self = message.participant;
        const present = new Map((message.participants ?? []).map((p) => [p.id, p]));
        for (const id of [...this.participants.keys()]) {
            if (!present.has(id)) {
                this.#depart(id, message.resumed ? 'left' : 'replaced');
            }
        }
        for (const participant of present.values()) {
            this.#arrive(participant, !first && message.resumed === true);
        }
        this.#speaks(message.speaker ?? {});
        this.emit('change');
    }

    #arrive(participant, news) {
        if (!participant?.id || participant.id === this.self) {
            return;
        }
        const known = this.participants.has(participant.id);
        this.participants.set(participant.id, {
            ...participant,
            sources: new Map((participant.sources ?? []).map((s) => [s.id, s])),
        });
        if (news && !known) {
            this.emit('arrived', this.participants.get(participant.id));
        }
    }

    #update(participant) {
        const known = this.participants.get(participant?.id);
        if (!known) {
            this.#arrive(participant, true);
            return;
        }
        const raised = participant.hand && !known.hand;
        const sources = participant.sources
            ? new Map(participant.sources.map((s) => [s.id, s]))
            : known.sources;
        Object.assign(known, participant, { sources });
        if (raised) {
            this.emit('hand', known);
        }
    }

    #depart(id, reason) {
        const participant = this.participants.get(id);
        if (participant) {
            this.participants.delete(id);
            this.recent = this.recent.filter((r) => r !== id);
            this.speaker = this.speaker === id ? null : this.speaker;
            this.emit('departed', participant, reason);
        }
    }

    #speaks({ participant, recent }) {
        this.speaker = participant ?? null;
        this.recent = recent ?? [];
    }

    #setSource(id, source) {
        this.participants.get(id)?.sources.set(source.id, source);
    }

    source(participant, label) {
        return [...participant.sources.values()].find((s) => s.label === label) ?? null;
    }

    /* All sources, the most wanted first: voices, screens, cameras that are on, the rest. */
    wanted() {
        const rank = (s) => (s.kind === 'audio' ? 0 : s.label === 'screen' ? 1 : s.muted ? 3 : 2);
        return [...this.participants.values()]
            .flatMap((p) => [...p.sources.values()])
            .map((source) => ({ source, rank: rank(source) }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ source }) => ({ id: source.id, kind: source.kind }));
    }
}
