/* What the page adds to a browser's descriptions. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { withAudioNack } from '../../../controlplane/web/assets/js/offer.js';

const sdp = (...lines) => lines.map((line) => `${line}\r\n`).join('');

const HEAD = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1 2'];
const AUDIO = [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9',
    'a=mid:0',
    'a=rtpmap:111 opus/48000/2',
    'a=rtcp-fb:111 transport-cc',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
    'a=rtpmap:9 G722/8000',
];
const VIDEO = [
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
    'a=mid:1',
    'a=rtpmap:96 VP8/90000',
    'a=rtcp-fb:96 nack',
    'a=rtcp-fb:96 nack pli',
];

test('Opus gets NACK, behind what it is; everything else stays as it is', () => {
    const at = AUDIO.indexOf('a=rtpmap:111 opus/48000/2') + 1;
    const wanted = [...AUDIO.slice(0, at), 'a=rtcp-fb:111 nack', ...AUDIO.slice(at)];
    assert.equal(withAudioNack(sdp(...HEAD, ...AUDIO, ...VIDEO)), sdp(...HEAD, ...wanted, ...VIDEO));
});

test('each audio section by its own payload types', () => {
    const other = AUDIO.map((line) => line.replaceAll('111', '109'));
    const text = withAudioNack(sdp(...HEAD, ...AUDIO, ...VIDEO, ...other));
    assert.equal(text.match(/^a=rtcp-fb:111 nack\r$/gm).length, 1);
    assert.equal(text.match(/^a=rtcp-fb:109 nack\r$/gm).length, 1);
});

test('what has it is left alone: as the payload type, or as all of them', () => {
    for (const has of ['a=rtcp-fb:111 nack', 'a=rtcp-fb:* nack']) {
        const text = sdp(...HEAD, ...AUDIO, has);
        assert.equal(withAudioNack(text), text);
    }
    const pli = sdp(...HEAD, ...AUDIO, 'a=rtcp-fb:111 nack pli');
    assert.match(withAudioNack(pli), /^a=rtcp-fb:111 nack\r$/m);
});

test('once is as good as twice, and without Opus there is nothing to add', () => {
    const once = withAudioNack(sdp(...HEAD, ...AUDIO, ...VIDEO));
    assert.equal(withAudioNack(once), once);
    const none = sdp(...HEAD, ...VIDEO, 'm=audio 9 UDP/TLS/RTP/SAVPF 9', 'a=rtpmap:9 G722/8000');
    assert.equal(withAudioNack(none), none);
});
