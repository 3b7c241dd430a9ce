/* What the browser measured, as one compact object: for the overlay, and for tests of a call. */

/* reports: RTCStatsReport. Gives the newest of the inbound reports of each mid. */
function inboundByMid(reports) {
    const byMid = new Map();
    for (const report of reports) {
        if (report.type === 'inbound-rtp' && report.mid !== undefined) {
            const known = byMid.get(report.mid);
            if (!known || newness(report) >= newness(known)) {
                byMid.set(report.mid, report);
            }
        }
    }
    return byMid;
}

function newness(report) {
    return report.lastPacketReceivedTimestamp ?? report.packetsReceived ?? 0;
}

function videoOf(report, reports) {
    return {
        codec: codecOf(report, reports),
        framesDecoded: report.framesDecoded ?? 0,
        framesReceived: report.framesReceived ?? 0,
        framesDropped: report.framesDropped ?? 0,
        keyFramesDecoded: report.keyFramesDecoded ?? 0,
        fps: report.framesPerSecond ?? 0,
        width: report.frameWidth ?? 0,
        height: report.frameHeight ?? 0,
        freezes: report.freezeCount ?? 0,
        freezeSeconds: report.totalFreezesDuration ?? 0,
        nacks: report.nackCount ?? 0,
        plis: report.pliCount ?? 0,
        ...packetsOf(report),
    };
}

function audioOf(report, reports) {
    return {
        codec: codecOf(report, reports),
        level: report.audioLevel ?? 0,
        totalAudioEnergy: report.totalAudioEnergy ?? 0,
        totalSamplesDuration: report.totalSamplesDuration ?? 0,
        concealedSamples: report.concealedSamples ?? 0,
        totalSamplesReceived: report.totalSamplesReceived ?? 0,
        ...packetsOf(report),
    };
}

function packetsOf(report) {
    return {
        packets: report.packetsReceived ?? 0,
        bytes: report.bytesReceived ?? 0,
        lost: report.packetsLost ?? 0,
        jitter: report.jitter ?? 0,
        waited: report.jitterBufferDelay ?? 0,
        played: report.jitterBufferEmittedCount ?? 0,
    };
}

function codecOf(report, reports) {
    const codec = reports.find((r) => r.id === report.codecId);
    return codec?.mimeType?.split('/')[1] ?? '';
}

/* What whoever receives `report`'s stream first says of it: its last receiver report. */
function heardOf(report, reports) {
    const heard = reports.find((r) => r.type === 'remote-inbound-rtp' && r.localId === report.id);
    return {
        lost: heard?.packetsLost ?? 0,
        lossRatio: heard?.fractionLost ?? null,
        jitter: heard?.jitter ?? null,
        rtt: heard?.roundTripTime ?? null,
    };
}

function sentOf(report, reports, sent) {
    const what = sent.get(report.mid);
    return {
        label: what?.label ?? report.kind,
        source: what?.source ?? null,
        rid: report.rid ?? '',
        codec: codecOf(report, reports),
        layers: report.scalabilityMode ?? '',
        framesEncoded: report.framesEncoded ?? 0,
        fps: report.framesPerSecond ?? 0,
        width: report.frameWidth ?? 0,
        height: report.frameHeight ?? 0,
        packets: report.packetsSent ?? 0,
        bytes: report.bytesSent ?? 0,
        retransmitted: report.retransmittedPacketsSent ?? 0,
        plis: report.pliCount ?? 0,
        nacks: report.nackCount ?? 0,
        limitation: report.qualityLimitationReason ?? '',
        active: report.active ?? true,
        ...heardOf(report, reports),
    };
}

function transportOf(reports, pc) {
    const transport = reports.find((r) => r.type === 'transport');
    const pairs = reports.filter((r) => r.type === 'candidate-pair');
    const pair =
        pairs.find((p) => p.id === transport?.selectedCandidatePairId) ??
        pairs.find((p) => p.selected) ??
        pairs.find((p) => p.nominated && p.state === 'succeeded');
    const dtls = pc.getTransceivers()[0]?.sender.transport;
    return {
        srtpCipher: (transport?.srtpCipher ?? '').replace(/^SRTP_/, ''),
        dtlsCipher: transport?.dtlsCipher ?? '',
        tlsVersion: transport?.tlsVersion ?? '',
        dtlsState: transport?.dtlsState ?? dtls?.state ?? '',
        iceState: pc.iceConnectionState,
        pair: pair ? pairOf(pair, reports) : null,
    };
}

function pairOf(pair, reports) {
    const address = (id) => {
        const candidate = reports.find((r) => r.id === id);
        return candidate
            ? `${candidate.candidateType} ${candidate.address ?? '?'}:${candidate.port}`
            : '';
    };
    return {
        state: pair.state,
        local: address(pair.localCandidateId),
        remote: address(pair.remoteCandidateId),
        rtt: pair.currentRoundTripTime ?? 0,
        bytesSent: pair.bytesSent ?? 0,
        bytesReceived: pair.bytesReceived ?? 0,
        availableOutgoingBitrate: pair.availableOutgoingBitrate ?? 0,
        availableIncomingBitrate: pair.availableIncomingBitrate ?? 0,
    };
}

/* What the direct call carries, where it is shown from there, in place of the same by the relay. */
async function addDirect(direct, sources, bySource) {
    const reports = [...(await direct.pc.getStats()).values()];
    const inbound = inboundByMid(reports);
    const mids = direct.mids();
    for (const source of direct.receiving ? sources : []) {
        bySource.set(source.id, inbound.get(mids.get(source.label)));
    }
    const labels = new Map([...mids].map(([label, mid]) => [mid, { label, source: null }]));
    return { reports, labels };
}

/*
 * {time, room, self, signalling, connection, transport, sent: [...], remote: [{id, name,
 * microphone, camera, screen, 'screen-audio'}]}: a remote's entry is null where it publishes
 * nothing of the kind or nothing of it is received. `sent` is what the direct call sends once the
 * other shows that; `direct` is null, or {receiving, sending, connection, transport, fingerprints}.
 */
export async function collect(call, signalling, room, roomName, direct) {
    const { pc } = call;
    const reports = [...(await pc.getStats()).values()];
    const inbound = inboundByMid(reports);
    const { received, sent } = call.mids;
    const bySource = new Map([...received].map(([mid, source]) => [source, inbound.get(mid)]));
    let outbound = { reports, labels: sent };
    let beside = null;
    const all = [...reports];
    if (direct?.pc) {
        const { pc: other } = direct;
        const sources = [...(room.participants.get(direct.peer)?.sources.values() ?? [])];
        const more = await addDirect(direct, sources, bySource);
        all.push(...more.reports);
        outbound = direct.sending ? more : outbound;
        beside = {
            receiving: direct.receiving,
            sending: direct.sending,
            connection: other.connectionState,
            transport: transportOf(more.reports, other),
            fingerprints: direct.fingerprints(),
        };
    }
    return {
        time: performance.now(),
        room: roomName,
        self: room.self,
        signalling: signalling.state,
        connection: pc.connectionState,
        transport: transportOf(reports, pc),
        direct: beside,
        sent: outbound.reports
            .filter((r) => r.type === 'outbound-rtp')
            .map((r) => sentOf(r, outbound.reports, outbound.labels)),
        remote: [...room.participants.values()].map((p) => remoteOf(p, bySource, all)),
    };
}

function remoteOf(participant, bySource, reports) {
    const entry = {
        id: participant.id,
        name: participant.name,
        kind: participant.kind,
        'microphone': null,
        'camera': null,
        'screen': null,
        'screen-audio': null,
    };
    for (const source of participant.sources.values()) {
        const report = bySource.get(source.id);
        if (report) {
            const figures = source.kind === 'video' ? videoOf : audioOf;
            entry[source.label] = {
                source: source.id,
                muted: source.muted,
                ...figures(report, reports),
            };
        }
    }
    return entry;
}
