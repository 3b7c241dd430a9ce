/* Cameras, microphones and speakers: opening them, listing them, and saying in words why not. */

import { recall, remember } from './store.js';

const CAPTURE = {
    720: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
    480: { width: { ideal: 854 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } },
    360: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30, max: 30 } },
};
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const NOUN = { audio: 'microphone', video: 'camera' };

export const DEFAULT_QUALITY = 720;

/* A capture height that CAPTURE has, from the page's `?q=`. */
export function qualityOf(text) {
    return Number(text) in CAPTURE ? Number(text) : DEFAULT_QUALITY;
}

export function canCapture() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
}

/* Phones have no screen to share: their browsers leave the call out. */
export function canShare() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

export function canPickSpeaker() {
    return 'setSinkId' in HTMLMediaElement.prototype;
}

function constraintsOf(kind, id, quality) {
    const wish = kind === 'audio' ? VOICE : CAPTURE[quality];
    return { [kind]: id ? { ...wish, deviceId: { ideal: id } } : { ...wish } };
}

/* One track of the remembered (or any) device. Rejects as getUserMedia does; see explain(). */
export async function openDevice(kind, quality) {
    if (!canCapture()) {
        throw new DOMException('no capture on this page', 'SecurityError');
    }
    const constraints = constraintsOf(kind, recall(`device.${kind}`), quality);
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    return stream.getTracks()[0];
}

/* Both at once, so that the browser asks once; {audio, video}, or rejects when either fails. */
export async function openBoth(quality) {
    if (!canCapture()) {
        throw new DOMException('no capture on this page', 'SecurityError');
    }
    const stream = await navigator.mediaDevices.getUserMedia({
        ...constraintsOf('audio', recall('device.audio'), quality),
        ...constraintsOf('video', recall('device.video'), quality),
    });
    return { audio: stream.getAudioTracks()[0], video: stream.getVideoTracks()[0] };
}

/* {video, audio|null} of a screen, window or tab that the browser lets the user pick. */
export async function openScreen() {
    const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: true,
    });
    return { video: stream.getVideoTracks()[0], audio: stream.getAudioTracks()[0] ?? null };
}

/* {audio, video, speaker}: lists of {id, label}. Labels are empty before permission is given. */
export async function listDevices() {
    const lists = { audio: [], video: [], speaker: [] };
    const kinds = { audioinput: 'audio', videoinput: 'video', audiooutput: 'speaker' };
    const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    for (const device of devices) {
        const kind = kinds[device.kind];
        if (kind && device.deviceId) {
            const number = lists[kind].length + 1;
            const label = device.label || `${NOUN[kind] ?? 'speaker'} ${number}`;
            lists[kind].push({ id: device.deviceId, label });
        }
    }
    return lists;
}

export function chooseDevice(kind, id) {
    remember(`device.${kind}`, id);
}

export function chosenDevice(kind) {
    return recall(`device.${kind}`);
}

export function onDeviceChange(listener) {
    navigator.mediaDevices?.addEventListener?.('devicechange', listener);
}

/* What went wrong and what the user can do about it. */
export function explain(kind, error) {
    const noun = NOUN[kind];
    switch (error?.name) {
        case 'NotAllowedError':
            return `The browser may not use your ${noun}. Allow it beside the page's address.`;
        case 'NotFoundError':
        case 'OverconstrainedError':
            return `No ${noun} was found. You can join without one.`;
        case 'NotReadableError':
        case 'AbortError':
            return `Your ${noun} is in use by another program, or did not start.`;
        case 'SecurityError':
            return `A ${noun} works only on a page opened by https:// or on this computer itself.`;
        default:
            return `Your ${noun} did not start (${error?.message || error}).`;
    }
}

/* One note of both devices' problems ({audio, video}), shorter when they share a cause. */
export function explainBoth({ audio, video }) {
    const same = audio && video.replaceAll(NOUN.video, NOUN.audio) === audio;
    return same
        ? audio.replace(NOUN.audio, `${NOUN.audio} and ${NOUN.video}`)
        : [audio, video].filter(Boolean).join(' ');
}
