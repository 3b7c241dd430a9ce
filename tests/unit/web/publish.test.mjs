/* How sources are offered. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { encodingsOf, offerDescriptor, Published } from '../../../controlplane/web/assets/js/publish.js';

const DESCRIPTOR =
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';

function transceiver(direction) {
    const extensions = [{ uri: MID, direction: 'sendrecv' }];
    if (direction) {
        extensions.push({ uri: DESCRIPTOR, direction });
    }
    return {
        sets: [],
        getHeaderExtensionsToNegotiate: () => extensions,
        setHeaderExtensionsToNegotiate(list) {
            this.sets.push(list);
        },
    };
}

test('the descriptor is offered where the browser has it stopped', () => {
    const stopped = transceiver('stopped');
    offerDescriptor(stopped);
    assert.deepEqual(stopped.sets, [
        [
            { uri: MID, direction: 'sendrecv' },
            { uri: DESCRIPTOR, direction: 'sendrecv' },
        ],
    ]);
    for (const direction of ['sendrecv', 'sendonly', null]) {
        const other = transceiver(direction);
        offerDescriptor(other);
        assert.deepEqual(other.sets, []);
    }
    offerDescriptor({}); /* a browser without that interface */
});

test('a small camera and a screen have one encoding, others have layers', () => {
    assert.equal(encodingsOf('camera', 360).length, 1);
    assert.equal(encodingsOf('camera', 480).length, 2);
    assert.equal(encodingsOf('camera', 720).length, 3);
    assert.equal(encodingsOf('screen', 1080).length, 1);
});

test('what is held is agreed as before, and sent again without an offer', async () => {
    globalThis.MediaStream ??= class {};
    const made = [];
    const pc = {
        addTransceiver(trackOrKind, { direction }) {
            const sender = {
                track: typeof trackOrKind === 'string' ? null : trackOrKind,
                replaceTrack: async (track) => {
                    sender.track = track;
                },
            };
            made.push({ direction, sender, mid: String(made.length) });
            return made.at(-1);
        },
    };
    const published = new Published(pc, 360);
    const camera = { id: 'camera' };
    assert.equal(published.set('camera', camera, false), true);
    published.hold(true);
    assert.equal(made[0].sender.track, null);
    assert.equal(made[0].direction, 'sendonly');
    const other = { id: 'other' };
    assert.equal(published.set('camera', other, false), false);
    assert.equal(made[0].sender.track, null);
    assert.equal(published.set('screen', { id: 'screen' }, false), true, 'the room is told of it');
    assert.equal(made[1].sender.track, null);
    published.hold(false);
    assert.equal(made[0].sender.track, other);
    assert.equal(made[1].sender.track.id, 'screen');
});
