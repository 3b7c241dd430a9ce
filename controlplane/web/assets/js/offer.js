/*
 * What a browser can do and does not say. Chromium repairs Opus by NACK (RFC 4585 6.2.1) when the
 * other end's description has it, but never offers it for audio.
 */

const FEEDBACK = /^a=rtcp-fb:(\d+|\*) (.*)$/;
const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2$/i;

/* The payload types of Opus in a media section's lines that do not have NACK. */
function withoutNack(lines) {
    const nack = new Set(
        lines
            .map((line) => line.match(FEEDBACK))
            .filter((found) => found?.[2] === 'nack')
            .map((found) => found[1]),
    );
    return lines
        .map((line) => line.match(OPUS)?.[1])
        .filter((pt) => pt !== undefined && !nack.has(pt) && !nack.has('*'));
}

/* The description with `a=rtcp-fb:… nack` for each Opus of its audio sections. */
export function withAudioNack(sdp) {
    const sections = sdp.split(/^(?=m=)/m);
    return sections
        .map((section) => {
            const lines = section.split('\r\n');
            const missing = section.startsWith('m=audio') ? new Set(withoutNack(lines)) : new Set();
            return lines
                .flatMap((line) => {
                    const pt = line.match(OPUS)?.[1];
                    return missing.has(pt) ? [line, `a=rtcp-fb:${pt} nack`] : [line];
                })
                .join('\r\n');
        })
        .join('');
}
