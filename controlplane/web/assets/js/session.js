/*
 * One stay in a room, from the join to the leave: makes signalling, call and room, and keeps the
 * page in step with them. Drawing is one function of the whole state, called after any change.
 *
 * Events: 'ended' ({reason, text}).
 */

import { AudioOut } from './audio.js';
import { connectionText, setBanner } from './banner.js';
import { Call } from './call.js';
import { Chat } from './chat.js';
import { canShare } from './devices.js';
import { Direct } from './direct.js';
import { byId, show } from './dom.js';
import { Emitter } from './emitter.js';
import { Grid } from './grid.js';
import { notice, problem } from './notices.js';
import { Panel } from './panel.js';
import { drawPeople } from './people.js';
import { Pickers } from './pickers.js';
import { encodingsOf } from './publish.js';
import { Room } from './room.js';
import { Sealed } from './sealed.js';
import { signalUrl, Signalling } from './signalling.js';
import { Speaking } from './speaking.js';
import { collect } from './stats.js';
import { StatsView } from './statsview.js';
import { Toolbar } from './toolbar.js';
import { View } from './view.js';
import { peopleOf, recentOf, tilesOf } from './views.js';

export class Session extends Emitter {
    room = new Room();
    signalling;
    call;
    #name;
    #identity;
    #local;
    #hand = false;
    #speakers = new Set();
    #audio = new AudioOut();
    #offs = [];
    #drawn = false; /* a drawing is already on its way */
    #over = false;

    constructor(roomName, identity, local) {
        super();
        this.#name = roomName;
        this.#identity = identity;
        this.#local = local;
        const join = () => ({ ...identity, direct: true });
        this.signalling = new Signalling(signalUrl(roomName), join);
        this.call = new Call(this.signalling, local.quality);
        this.direct = new Direct(this.signalling, {
            tracks: () => this.#tracks(),
            pictures: () => this.#pictures(),
            ordinary: (label) => this.#ordinary(label),
            limit: (label) => encodingsOf(label, local.quality).at(-1).maxBitrate,
        });
        this.sealed = new Sealed(this.direct);
        this.speaking = new Speaking(local);
        this.view = new View((message) => this.signalling.joined && this.signalling.send(message));
        this.grid = new Grid(
            byId('grid'),
            () => this.panel.open('people'),
            () => this.#looked(),
        );
        this.toolbar = new Toolbar(this.#actions());
        this.panel = new Panel(() => this.#panelChanged());
        this.chat = new Chat({
            send: (text) => this.#say(text),
            isOpen: () => this.panel.isOpen('chat'),
            changed: () => this.#drawBadges(),
        });
        this.statsView = new StatsView(() => this.stats());
        this.pickers = new Pickers(byId('settings-pickers'), local, (kind) => this.#picked(kind));
        this.#listen();
    }

    start() {
        byId('room-name').textContent = this.#name;
        show(byId('meeting'), true);
        if (!canShare()) {
            this.toolbar.hide('share');
        }
        this.#publish();
        this.#draw();
        this.signalling.start();
        this.speaking.start();
        this.#connectionChanged();
    }

    leave() {
        this.signalling.leave();
    }

    stats() {
        return collect(this.call, this.signalling, this.room, this.#name, this.direct);
    }

    #actions() {
        return {
            mic: () => this.#local.setMic(!this.#local.micOn),
            camera: () => this.#local.setCamera(!this.#local.cameraOn),
            share: () => this.#share(),
            hand: () => this.#raise(),
            chat: () => this.panel.toggle('chat'),
            people: () => this.panel.toggle('people'),
            leave: () => this.leave(),
            settings: () => {
                this.pickers.refresh();
                byId('settings').showModal();
            },
            stats: () => this.statsView.toggle(),
            full: () => fullScreen(),
            help: () => byId('help').showModal(),
        };
    }

    #listen() {
        const { signalling, call, room } = this;
        room.listen(signalling);
        room.on('change', () => this.#changed());
        room.on('arrived', (p) => notice(`${p.name} joined`));
        room.on('departed', (p, reason) => this.#departed(p, reason));
        room.on('hand', (p) => notice(`${p.name} raised a hand`, 'hand'));
        signalling.on('joined', (message) => this.#joined(message));
        signalling.on('state', () => this.#connectionChanged());
        signalling.on('ended', (why) => this.#end(why));
        signalling.on('chat', (line) => this.#heard(line));
        signalling.on('error', (error) => problem(error.text || error.code));
        call.on('receivers', () => {
            this.view.again(); /* sections that are bound anew show anything */
            this.#received();
        });
        this.direct.on('change', () => this.#directChanged());
        call.on('connection', () => this.#connectionChanged());
        call.on('problem', (text) => problem(`Media could not be set up: ${text}`));
        this.#audio.on('blocked', (blocked) => show(byId('hear'), blocked));
        this.speaking.on('speaking', (id, on) => this.#spoke(id, on));
        this.speaking.on('level', (level) => this.toolbar.level(level));
        this.speaking.on('talking-muted', () =>
            notice('You are muted. Press M to speak.', 'mic-off'),
        );
        this.#offs.push(this.#local.on('change', () => this.#publish()));
        this.#offs.push(this.#local.on('problem', (kind, text) => problem(text)));
        const looked = () => this.#looked();
        document.addEventListener('visibilitychange', looked);
        this.#offs.push(() => document.removeEventListener('visibilitychange', looked));
        byId('hear').onclick = () => this.#audio.unblock();
        byId('stop-sharing').onclick = () => this.#local.stopScreen();
    }

    #joined(message) {
        this.chat.history(message.chat ?? [], message.participant, message.resumed === true);
        this.view.again();
        if (this.#hand) {
            this.signalling.send({ type: 'update', hand: true });
        }
    }

    #departed(participant, reason) {
        if (reason === 'replaced') {
            return;
        }
        notice(`${participant.name} ${reason === 'gone' ? 'lost the connection' : 'left'}`);
    }

    /* Everything that is mine and on goes into the call; what is off is taken out of it. */
    #publish() {
        const { mic, micOn, camera, cameraOn, screen, screenAudio } = this.#local;
        this.call.publish('microphone', mic, !micOn || !mic);
        this.call.publish('camera', camera, !cameraOn || !camera);
        this.call.publish('screen', screen, false);
        this.call.publish('screen-audio', screenAudio, false);
        this.direct.update();
        this.#changed();
    }

    async #share() {
        if (this.#local.screen) {
            this.#local.stopScreen();
            return;
        }
        try {
            await this.#local.startScreen();
        } catch (error) {
            /* NotAllowedError is the user's own "cancel". */
            if (error.name !== 'NotAllowedError') {
                problem(`The screen cannot be shared (${error.message}).`);
            }
        }
    }

    #raise() {
        this.#hand = !this.#hand;
        this.signalling.send({ type: 'update', hand: this.#hand });
        this.#changed();
    }

    #say(text) {
        const sent = this.signalling.send({ type: 'chat', text });
        if (!sent) {
            problem('Not sent: the connection is being made again.');
        }
        return sent;
    }

    #heard(line) {
        if (this.chat.add(line)) {
            const text = String(line.text);
            notice(`${line.name}: ${text.length > 90 ? `${text.slice(0, 90)}…` : text}`, 'chat');
        }
    }

    #picked(kind) {
        if (kind === 'speaker') {
            this.#audio.useSpeaker();
        } else {
            this.#local.reopen(kind);
        }
    }

    #changed() {
        if (!this.#drawn && !this.#over) {
            this.#drawn = true;
            queueMicrotask(() => {
                this.#drawn = false;
                if (!this.#over) {
                    this.call.want(this.room.wanted());
                    this.#draw();
                }
            });
        }
    }

    #tracks() {
        const { mic, camera, cameraOn, screen, screenAudio } = this.#local;
        return new Map([
            ['microphone', mic],
            ['camera', cameraOn ? camera : null],
            ['screen', screen],
            ['screen-audio', screenAudio],
        ]);
    }

    /* What the other one of a direct call publishes. */
    #others() {
        return [...(this.room.participants.get(this.direct.peer)?.sources.values() ?? [])];
    }

    #pictures() {
        return this.#others()
            .filter((s) => s.kind === 'video' && !s.muted)
            .map((s) => s.label);
    }

    #ordinary(label) {
        const source = this.#others().find((s) => s.label === label);
        return source ? (this.call.receivers.get(source.id) ?? null) : null;
    }

    /* Source id -> RTCRtpReceiver, by whichever connection it is shown from. */
    #receivers() {
        const receivers = this.call.receivers;
        if (this.direct.receiving) {
            for (const source of this.#others()) {
                receivers.set(source.id, this.direct.receiver(source.label));
            }
        }
        return receivers;
    }

    #directChanged() {
        this.call.hold(this.direct.sending);
        this.#received();
        if (!this.sealed.draw() || this.#over) {
            return;
        }
        if (this.direct.sealed) {
            notice('Only the two of you can hear and see this call now.', 'lock');
        } else if (this.direct.pc) {
            notice('This call is not end-to-end encrypted any more.', 'lock');
        }
    }

    #received() {
        const receivers = this.#receivers();
        const voices = new Map();
        const tracks = new Map();
        for (const participant of this.room.participants.values()) {
            for (const source of participant.sources.values()) {
                const receiver = receivers.get(source.id);
                if (receiver && source.kind === 'audio') {
                    tracks.set(source.id, receiver.track);
                    if (source.label === 'microphone') {
                        voices.set(participant.id, receiver);
                    }
                }
            }
        }
        this.#audio.play(tracks);
        this.speaking.follow(voices);
        this.#draw();
    }

    #me() {
        return { ...this.#identity, id: 'self', hand: this.#hand, local: this.#local };
    }

    #draw() {
        if (this.#over) {
            return;
        }
        const me = this.#me();
        const tiles = tilesOf(this.room, me, this.#receivers(), this.#speakers);
        this.grid.render(tiles, recentOf(this.room));
        drawPeople(peopleOf(this.room, me));
        this.toolbar.set('mic', this.#local.micOn);
        this.toolbar.set('camera', this.#local.cameraOn);
        this.toolbar.set('share', this.#local.screen !== null);
        this.toolbar.set('hand', this.#hand);
        show(byId('presenting'), this.#local.screen !== null);
        show(byId('alone'), this.signalling.joined && this.room.participants.size === 0);
        this.#drawBadges();
    }

    #drawBadges() {
        const { unread } = this.chat;
        this.toolbar.set('chat', this.panel.isOpen('chat'));
        this.toolbar.set('people', this.panel.isOpen('people'));
        this.toolbar.badge('chat', unread > 99 ? '99+' : unread ? String(unread) : '');
        this.toolbar.badge('people', String(this.room.participants.size + 1), true);
        document.title = `${unread ? `(${unread}) ` : ''}${this.#name} · Headrace`;
    }

    #panelChanged() {
        if (!this.chat) {
            return;
        }
        this.#drawBadges();
        if (this.panel.isOpen('chat')) {
            this.chat.opened();
        }
    }

    #spoke(id, on) {
        this.#speakers[on ? 'add' : 'delete'](id);
        this.grid.speaking(id, on);
    }

    /* A page that nobody sees shows nothing. */
    #looked() {
        const shown = document.hidden ? [] : this.grid.shown();
        this.view.set(shown.filter(({ source }) => source !== null));
    }

    #connectionChanged() {
        setBanner(connectionText(this.signalling.state, this.call.pc.connectionState));
    }

    #end(why) {
        if (this.#over) {
            return;
        }
        this.#over = true;
        setBanner('');
        this.#offs.forEach((off) => off());
        this.direct.close();
        this.call.close();
        this.speaking.stop();
        this.#audio.close();
        this.statsView.close();
        this.view.close();
        this.grid.close();
        this.toolbar.close();
        this.panel.close();
        this.chat.clear();
        for (const dialog of document.querySelectorAll('dialog[open]')) {
            dialog.close();
        }
        for (const id of ['meeting', 'hear', 'presenting']) {
            show(byId(id), false);
        }
        this.emit('ended', why);
    }
}

function fullScreen() {
    if (document.fullscreenElement) {
        document.exitFullscreen();
    } else {
        document.documentElement.requestFullscreen?.().catch(() => {});
    }
}
