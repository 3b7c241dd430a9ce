// Stock browsers, headless, with a fake camera and microphone. Both kinds behind one small interface:
// { name, evaluate(fn, arg), screenshot(path), goto(url), close() }. before: a function that runs in each page before its
// own scripts, and may do what the page's security policy forbids them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const CHROMIUM_FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns',
];

// Chromium, started inside a network namespace.
function chromiumIn(namespace) {
    const path = join(mkdtempSync(join(tmpdir(), 'headrace-chromium-')), 'chromium');
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${namespace} /usr/bin/chromium "$@"\n`, { mode: 0o755 });
    return path;
}

export async function openChromium(name, { fps = 20, size = { width: 1280, height: 800 }, flags = [], namespace, before } = {}) {
    const browser = await chromium.launch({
        executablePath: namespace ? chromiumIn(namespace) : '/usr/bin/chromium',
        args: [...CHROMIUM_FLAGS, `--use-fake-device-for-media-stream=fps=${fps}`, ...flags],
    });
    const context = await browser.newContext({ viewport: size, permissions: ['camera', 'microphone'], reducedMotion: 'reduce', bypassCSP: Boolean(before) });
    if (before) {
        await context.addInitScript(before);
    }
    const page = await context.newPage();
    const log = [];
    page.on('console', (m) => log.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => log.push(`exception: ${e.message}`));
    return {
        name, log, page,
        goto: (url) => page.goto(url),
        evaluate: (fn, arg) => page.evaluate(fn, arg),
        resize: (width, height) => page.setViewportSize({ width, height }),
        screenshot: (path) => page.screenshot({ path }),
        close: () => browser.close(),
    };
}

export async function openFirefox(name, { size = { width: 1280, height: 800 }, prefs = {} } = {}) {
    const profile = mkdtempSync(join(tmpdir(), 'headrace-firefox-'));
    const browser = await puppeteer.launch({
        browser: 'firefox',
        executablePath: '/usr/bin/firefox-esr',
        headless: true,
        userDataDir: profile,
        defaultViewport: size,
        extraPrefsFirefox: {
            'media.navigator.streams.fake': true,
            'media.navigator.permission.disabled': true,
            'media.autoplay.default': 0,
            'media.autoplay.blocking_policy': 0,
            'media.peerconnection.ice.obfuscate_host_addresses': false,
            'ui.prefersReducedMotion': 1,
            ...prefs,
        },
    });
    const page = await browser.newPage();
    const log = [];
    page.on('console', (m) => log.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => log.push(`exception: ${e.message}`));
    return {
        name, log, page,
        goto: (url) => page.goto(url),
        evaluate: (fn, arg) => page.evaluate(fn, arg),
        screenshot: (path) => page.screenshot({ path }),
        close: async () => {
            await browser.close();
            rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }); // its processes end after it
        },
    };
}

// Runs in the page: the receiver's and the transport's figures of its peer connection.
export function figures() {
    const pc = window.__headrace?.call?.pc ?? window.pc;
    if (!pc) {
        return Promise.resolve(null);
    }
    return pc.getStats().then((report) => {
        const all = [...report.values()];
        const inbound = all.filter((s) => s.type === 'inbound-rtp');
        const transport = all.find((s) => s.type === 'transport') ?? {};
        const pick = (s) => ({
            ssrc: s.ssrc, mid: s.mid, packets: s.packetsReceived, lost: s.packetsLost, bytes: s.bytesReceived,
            frames: s.framesDecoded, width: s.frameWidth, height: s.frameHeight, freezes: s.freezeCount ?? 0,
            frozen: s.totalFreezesDuration ?? 0, energy: s.totalAudioEnergy ?? 0, samples: s.totalSamplesReceived ?? 0,
            concealed: s.concealedSamples ?? 0, nacks: s.nackCount ?? 0, plis: s.pliCount, keyFrames: s.keyFramesDecoded,
            waited: s.jitterBufferDelay ?? 0, emitted: s.jitterBufferEmittedCount ?? 0,
        });
        return {
            state: pc.connectionState,
            srtp: transport.srtpCipher, dtls: transport.dtlsState, tls: transport.tlsVersion,
            video: inbound.filter((s) => s.kind === 'video').map(pick),
            audio: inbound.filter((s) => s.kind === 'audio').map(pick),
            sent: all.filter((s) => s.type === 'outbound-rtp').map((s) => ({
                kind: s.kind, rid: s.rid, width: s.frameWidth, height: s.frameHeight, fps: s.framesPerSecond,
                packets: s.packetsSent, bytes: s.bytesSent, nacks: s.nackCount ?? 0, plis: s.pliCount,
                encoded: s.framesEncoded, again: s.retransmittedPacketsSent ?? 0,
                keyFrames: s.keyFramesEncoded, limited: s.qualityLimitationReason, target: s.targetBitrate,
            })),
        };
    });
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks again until the predicate holds; fails with the last answer when the time is over.
export async function until(what, seconds, ask, holds) {
    const end = Date.now() + seconds * 1000;
    let last;
    do {
        last = await ask();
        if (holds(last)) {
            return last;
        }
        await sleep(250);
    } while (Date.now() < end);
    throw new Error(`${what}: not within ${seconds} s; last: ${JSON.stringify(last)}`);
}
