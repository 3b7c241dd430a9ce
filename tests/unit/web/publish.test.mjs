/* How sources are offered. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { encodingsOf, offerDescriptor } from '../../../controlplane/web/assets/js/publish.js';

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
