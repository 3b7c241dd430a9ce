/* What the browser measured, and how the overlay says it. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { collect } from '../../../controlplane/web/assets/js/stats.js';
import { RECEIVED, SENT, statsTable } from '../../../controlplane/web/assets/js/statstable.js';

/* A call of Ann, who sends a camera in two layers, and Bob, whose camera and microphone she receives. */
function world(second) {
    const reports = [
        { type: 'codec', id: 'vp8', mimeType: 'video/VP8' },
        { type: 'codec', id: 'opus', mimeType: 'audio/opus' },
        { type: 'transport', id: 't', srtpCipher: 'SRTP_AEAD_AES_128_GCM', selectedCandidatePairId: 'p' },
        {
            type: 'candidate-pair', id: 'p', state: 'succeeded', currentRoundTripTime: 0.0421,
            availableOutgoingBitrate: 2_345_678, localCandidateId: 'l', remoteCandidateId: 'r',
        },
        { type: 'local-candidate', id: 'l', candidateType: 'host', address: '198.18.0.11', port: 5000 },
        { type: 'remote-candidate', id: 'r', candidateType: 'host', address: '198.18.0.2', port: 10000 },
        {
            type: 'outbound-rtp', id: 'o1', mid: '1', kind: 'video', rid: 'f', codecId: 'vp8', scalabilityMode: 'L1T3',
            frameWidth: 1280, frameHeight: 720, framesPerSecond: 29.7, bytesSent: second * 150_000,
            packetsSent: second * 150, active: true, qualityLimitationReason: 'bandwidth',
        },
        { type: 'remote-inbound-rtp', localId: 'o1', fractionLost: 0.021, jitter: 0.0034, roundTripTime: 0.043, packetsLost: 9 },
        { type: 'outbound-rtp', id: 'o2', mid: '1', kind: 'video', rid: 'q', codecId: 'vp8', active: false, bytesSent: 0 },
        { type: 'outbound-rtp', id: 'o3', mid: '4', kind: 'video', codecId: 'vp8', bytesSent: 0 }, /* a screen, perhaps */
        {
            type: 'inbound-rtp', mid: '2', kind: 'video', codecId: 'vp8', frameWidth: 640, frameHeight: 360,
            framesPerSecond: 15, framesDecoded: second * 15, bytesReceived: second * 62_500, packetsReceived: second * 95,
            packetsLost: second * 5, jitter: 0.012, freezeCount: 2, totalFreezesDuration: 1.26,
            jitterBufferDelay: second * 1.5, jitterBufferEmittedCount: second * 15,
        },
        {
            type: 'inbound-rtp', mid: '3', kind: 'audio', codecId: 'opus', bytesReceived: second * 4_000,
            packetsReceived: second * 50, packetsLost: 0, jitter: 0.002,
        },
    ];
    return {
        pc: {
            connectionState: 'connected',
            iceConnectionState: 'connected',
            getStats: async () => new Map(reports.map((r, i) => [i, r])),
            getTransceivers: () => [],
        },
        mids: {
            received: new Map([['2', 's4'], ['3', 's5']]),
            sent: new Map([['1', { label: 'camera', source: 's1' }]]),
        },
    };
}

const room = {
    self: 'p1',
    participants: new Map([
        ['p2', {
            id: 'p2', name: 'Bob', kind: 'member',
            sources: new Map([
                ['s4', { id: 's4', kind: 'video', label: 'camera', muted: false }],
                ['s5', { id: 's5', kind: 'audio', label: 'microphone', muted: false }],
            ]),
        }],
        ['p3', { id: 'p3', name: 'Cy', kind: 'member', sources: new Map() }],
    ]),
};

async function look(second) {
    const now = await collect(world(second), { state: 'joined' }, room, 'room', null);
    return { ...now, time: second * 1000 };
}

test('the way says round trip, cipher and what may be sent', async () => {
    const { lines } = statsTable(await look(1), null);
    assert.equal(lines[0], 'connected · AEAD_AES_128_GCM · round trip 42 ms · 2,346 kbit/s may be sent');
    assert.equal(lines[1], 'host 198.18.0.11:5000 → host 198.18.0.2:10000');
});

test('what is sent: each layer, as its receiver reports it', async () => {
    const { sent } = statsTable(await look(3), await look(1));
    assert.deepEqual(sent, [
        ['camera f', 'VP8 L1T3', '1280×720 30/s', '1200', '2.1 %', '3 ms', '43 ms', 'bandwidth'],
        ['camera q', 'VP8', '', '0', '–', '–', '–', 'off'],
    ]);
    sent.forEach((row) => assert.equal(row.length, SENT.length));
});

test('what is received: of the time between two looks', async () => {
    const { received } = statsTable(await look(3), await look(1));
    assert.deepEqual(received, [
        ['Bob microphone', 'opus', '', '32', '0.0 %', '2 ms', '–', ''],
        ['Bob camera', 'VP8', '640×360 15/s', '500', '5.0 %', '12 ms', '100 ms', '2 (1.3 s)'],
    ]);
    received.forEach((row) => assert.equal(row.length, RECEIVED.length));
});

test('the first look knows no rates, and nothing is made up', async () => {
    const { sent, received } = statsTable(await look(1), null);
    assert.equal(sent[0][3], '–');
    assert.deepEqual(received[1].slice(3, 5), ['–', '–']);
});

test('a counter that begins again gives no negative rate', async () => {
    const { received } = statsTable(await look(1), await look(3));
    assert.equal(received[1][3], '–'); /* time ran backwards */
    const later = { ...(await look(1)), time: 9000 };
    const again = statsTable(later, await look(3)).received[1];
    assert.equal(again[3], '0');
});
