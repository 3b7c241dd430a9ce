/* From the room's state to what is drawn of it: the specs of the tiles, the rows of the list. */

/* Tiles in order: shared screens, the others, myself. */
export function tilesOf(room, me, receivers, speakers) {
    const others = [...room.participants.values()].filter((p) => p.kind !== 'whep');
    return [
        ...others.flatMap((p) => screensOf(p, receivers)),
        ...others.map((p) => personOf(p, room, receivers, speakers)),
        selfOf(me, speakers, spotlit(room) === room.self),
    ];
}

/* The id of the dominant speaker. Two people see who speaks without a mark. */
function spotlit(room) {
    const others = [...room.participants.values()].filter((p) => p.kind !== 'whep');
    return others.length > 1 && room.speaker !== null ? room.speaker : undefined;
}

/* Keys of the tiles of those who spoke, the newest first. */
export function recentOf(room) {
    return room.recent.map((id) => (id === room.self ? 'self' : id));
}

const PLAIN = {
    source: null, /* id of the video, unless it is my own */
    self: false,
    screen: false,
    mirror: false,
    muted: false,
    hand: false,
    speaking: false, /* is heard just now */
    dominant: false, /* is the one that the room listens to */
};

function screensOf(participant, receivers) {
    const screens = [...participant.sources.values()].filter((s) => s.label === 'screen');
    return screens.map((source) => ({
        ...PLAIN,
        key: `${participant.id}:${source.id}`,
        source: source.id,
        name: participant.name,
        label: `${participant.name}’s screen`,
        avatar: '',
        screen: true,
        track: receivers.get(source.id)?.track ?? null,
    }));
}

function personOf(participant, room, receivers, speakers) {
    const camera = room.source(participant, 'camera');
    const microphone = room.source(participant, 'microphone');
    const receiver = camera && !camera.muted ? receivers.get(camera.id) : null;
    return {
        ...PLAIN,
        key: participant.id,
        source: receiver ? camera.id : null,
        name: participant.name,
        label: participant.name,
        avatar: participant.avatar,
        muted: !microphone || microphone.muted,
        hand: Boolean(participant.hand),
        track: receiver?.track ?? null,
        speaking: speakers.has(participant.id),
        dominant: spotlit(room) === participant.id,
    };
}

function selfOf(me, speakers, dominant) {
    const facing = me.local.camera?.getSettings?.().facingMode;
    return {
        ...PLAIN,
        key: 'self',
        name: me.name,
        label: `${me.name} (you)`,
        avatar: me.avatar,
        self: true,
        mirror: facing !== 'environment',
        muted: !me.local.micOn,
        hand: me.hand,
        track: me.local.cameraOn ? me.local.camera : null,
        speaking: speakers.has('self'),
        dominant,
    };
}

/* Rows for people.js, myself first, then by raised hand and name. */
export function peopleOf(room, me) {
    const others = [...room.participants.values()].filter((p) => p.kind !== 'whep');
    const rows = others.map((p) => {
        const camera = room.source(p, 'camera');
        const microphone = room.source(p, 'microphone');
        return {
            name: p.name,
            label: p.name,
            email: p.email,
            avatar: p.avatar,
            hand: Boolean(p.hand),
            muted: !microphone || microphone.muted,
            cameraOff: !camera || camera.muted,
            sharing: room.source(p, 'screen') !== null,
            dominant: spotlit(room) === p.id,
        };
    });
    rows.sort((a, b) => b.hand - a.hand || a.name.localeCompare(b.name));
    return [
        {
            name: me.name,
            label: `${me.name} (you)`,
            email: me.email,
            avatar: me.avatar,
            hand: me.hand,
            muted: !me.local.micOn,
            cameraOff: !me.local.cameraOn,
            sharing: me.local.screen !== null,
            dominant: spotlit(room) === room.self,
        },
        ...rows,
    ];
}
