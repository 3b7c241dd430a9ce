// WHIP from one browser, WHEP in two others, by the standards' HTTP exchange alone: no line of our page's code runs.
// node whip_whep.mjs URL
import { figures, openChromium, openFirefox, until } from './browsers.mjs';

const [base] = process.argv.slice(2);
const problems = [];
const expect = (ok, text) => ok ? console.log(`ok: ${text}`) : problems.push(text);
const browsers = [];

// ---- in the page

async function begin({ endpoint, publish }) {
    document.body.replaceChildren();
    const pc = window.pc = new RTCPeerConnection();
    if (publish) {
        const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
        media.getTracks().forEach((track) => pc.addTransceiver(track, { direction: 'sendonly', streams: [media] }));
    } else {
        pc.ontrack = ({ track }) => {
            const element = document.createElement(track.kind);
            element.autoplay = element.muted = element.playsInline = true;
            element.srcObject = new MediaStream([track]);
            document.body.append(element);
        };
        pc.addTransceiver('video', { direction: 'recvonly' });
        pc.addTransceiver('audio', { direction: 'recvonly' });
    }
    await pc.setLocalDescription();
    const response = await fetch(endpoint, {
        method: 'POST', body: pc.localDescription.sdp, headers: { 'Content-Type': 'application/sdp' },
    });
    const answer = await response.text();
    window.whip = { location: new URL(response.headers.get('Location') ?? '', endpoint).href, etag: response.headers.get('ETag') };
    if (response.ok) {
        await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    }
    return { status: response.status, type: response.headers.get('Content-Type'), ...window.whip, answer };
}

async function patch({ match, restart }) {
    const pc = window.pc;
    if (restart) {
        await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    }
    const sdp = pc.localDescription.sdp;
    const line = (name) => sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))[0].trim();
    const section = sdp.match(/^m=.*$/m)[0].trim();
    const fragment = [line('ice-ufrag'), line('ice-pwd'), section, line('mid'),
        'a=candidate:1 1 udp 2130706431 198.18.0.1 40000 typ host', 'a=end-of-candidates', ''].join('\r\n');
    const response = await fetch(window.whip.location, {
        method: 'PATCH', body: fragment,
        headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', ...(match ? { 'If-Match': match } : {}) },
    });
    const body = await response.text();
    const given = (name) => body.match(new RegExp(`^a=${name}:(.*)$`, 'm'))?.[1].trim();
    if (response.status === 200) {
        const old = pc.remoteDescription.sdp;
        await pc.setRemoteDescription({
            type: 'answer',
            sdp: old.replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${given('ice-ufrag')}`)
                .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${given('ice-pwd')}`),
        });
    }
    return { status: response.status, etag: response.headers.get('ETag'), ufrag: given('ice-ufrag'), own: line('ice-ufrag') };
}

const remove = () => fetch(window.whip.location, { method: 'DELETE' }).then((r) => r.status);

// The selected pair's own username fragment: changes when an ICE restart has taken over (Chromium).
const selected = () => window.pc.getStats().then((report) => {
    const transport = [...report.values()].find((s) => s.type === 'transport');
    return report.get(report.get(transport?.selectedCandidatePairId)?.localCandidateId)?.usernameFragment ?? '';
});

// ---- here

const frames = (f) => f?.video?.[0]?.frames ?? 0;
const packets = (f) => f?.audio?.[0]?.packets ?? 0;

async function grows(b, what) {
    const before = await b.evaluate(figures);
    await until(`${b.name}: ${what}`, 20, () => b.evaluate(figures), (f) =>
        f?.state === 'connected' && frames(f) >= frames(before) + 30 && packets(f) >= packets(before) + 50);
    console.log(`ok: ${b.name}: ${what}`);
}

async function open(b, path, publish) {
    browsers.push(b);
    await b.goto(`${base}/`);
    const r = await b.evaluate(begin, { endpoint: `${base}${path}`, publish });
    expect(r.status === 201, `${b.name}: POST ${path} is 201, got ${r.status} ${r.status === 201 ? '' : r.answer}`);
    expect(r.type?.startsWith('application/sdp'), `${b.name}: the answer's type is ${r.type}`);
    expect(r.location.startsWith(`${base}/`), `${b.name}: Location is ${r.location}`);
    expect(/^"[^"]+"$/.test(r.etag), `${b.name}: ETag is ${r.etag}`);
    await until(`${b.name} connects`, 20, () => b.evaluate(figures), (f) => f?.state === 'connected');
    return r;
}

async function trickleAndRestart(b, etag, any, watcher) {
    const trickled = await b.evaluate(patch, { match: etag });
    expect(trickled.status === 204, `${b.name}: PATCH with a candidate is 204, got ${trickled.status}`);
    const missing = await b.evaluate(patch, {});
    expect(missing.status === 428, `${b.name}: PATCH without If-Match is 428, got ${missing.status}`);
    const wrong = await b.evaluate(patch, { match: '"no-such-session"' });
    expect(wrong.status === 412, `${b.name}: PATCH with a wrong ETag is 412, got ${wrong.status}`);

    const again = await b.evaluate(patch, { match: any, restart: true });
    expect(again.status === 200, `${b.name}: ICE restart is 200, got ${again.status}`);
    expect(again.etag && again.etag !== etag, `${b.name}: the new ETag is ${again.etag}, was ${etag}`);
    if (b.name === 'Chromium') {
        await until('the new ICE session is used', 20, () => b.evaluate(selected), (u) => again.own.endsWith(`:${u}`) && u);
    }
    await grows(watcher, `media goes on after the ICE restart of ${b.name}`);
    const old = await b.evaluate(patch, { match: etag });
    expect(old.status === 412, `${b.name}: the old ETag is 412 now, got ${old.status}`);
}

try {
    const publisher = await openChromium('Chromium', { fps: 15 });
    const published = await open(publisher, '/whip/stage/cam', true);
    const fox = await openFirefox('Firefox');
    const received = await open(fox, '/whep/stage/cam', false);
    await grows(fox, 'decodes video, receives audio');
    const viewer = await openChromium('second Chromium');
    await open(viewer, '/whep/stage/cam', false);
    await grows(viewer, 'decodes video, receives audio');

    // RFC 9725's example puts the star in quotes, RFC 9110 does not.
    await trickleAndRestart(publisher, published.etag, '"*"', fox);
    await trickleAndRestart(fox, received.etag, '*', fox);

    for (const b of [viewer, fox, publisher]) {
        expect(await b.evaluate(remove) === 200, `${b.name}: DELETE is 200`);
        expect(await b.evaluate(remove) === 404, `${b.name}: DELETE again is 404`);
        const late = await b.evaluate(patch, { match: '"*"' });
        expect(late.status === 404, `${b.name}: PATCH afterwards is 404, got ${late.status}`);
    }
} catch (error) {
    problems.push(error.stack);
    browsers.forEach((b) => console.log(`${b.name}:\n  ${b.log.slice(-15).join('\n  ')}`));
}
await Promise.all(browsers.map((b) => b.close().catch(() => {})));
problems.forEach((p) => console.log(`PROBLEM ${p}`));
process.exit(problems.length ? 1 : 0);
