/*
 * Dependency Descriptor header extension: which frame, layer and decode targets a packet belongs
 * to, without looking into its payload (AV1 RTP specification 1.0, appendix A).
 */
#ifndef HEADRACE_DATAPLANE_RTP_DD_H
#define HEADRACE_DATAPLANE_RTP_DD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_DD_LEN_MIN       3 /* mandatory fields; the frame number is 16 bits from byte */
#define DP_DD_FRAME         1 /* this one on */
#define DP_DD_TEMPLATES_MAX 64
#define DP_DD_TARGETS_MAX   32
#define DP_DD_CHAINS_MAX    32
#define DP_DD_SPATIAL_MAX   4  /* AV1's spatial_id has two bits, */
#define DP_DD_TEMPORAL_MAX  8  /* its temporal_id three */
#define DP_DD_FDIFFS_MAX    16 /* references of one frame; AV1 allows 7 */

#define DP_DD_ERRORS(X)                              \
    X(OK, "ok")                                      \
    X(SHORT, "descriptor ends early")                \
    X(NO_STRUCTURE, "no structure received yet")     \
    X(TEMPLATE, "template id outside the structure") \
    X(LIMIT, "too many templates, layers or references")

enum dp_dd_error {
#define X(name, text) DP_DD_##name,
    DP_DD_ERRORS(X)
#undef X
};

/* Decode target indication (table A.1). */
enum dp_dti { DP_DTI_ABSENT = 0, DP_DTI_DISCARDABLE = 1, DP_DTI_SWITCH = 2, DP_DTI_REQUIRED = 3 };

struct dp_dd_template {
    uint64_t dtis; /* two bits per decode target, target 0 lowest; read with dp_dd_dti */
    uint8_t spatial_id;
    uint8_t temporal_id;
    uint8_t fdiff_count;
    uint8_t fdiff[DP_DD_FDIFFS_MAX]; /* frames back to a reference, 1..16 */
    uint8_t
        chain_fdiff[DP_DD_CHAINS_MAX]; /* frames back to the chain's last one; 0: chain starts */
};

/* template_dependency_structure(); bytes that do not apply are zero, so two compare with memcmp. */
struct dp_dd_structure {
    uint8_t template_id_offset;
    uint8_t template_count;
    uint8_t target_count;
    uint8_t chain_count;
    uint8_t spatial_count;
    bool has_resolutions;
    uint8_t target_chain[DP_DD_TARGETS_MAX]; /* the chain that protects a target */
    uint8_t target_spatial[DP_DD_TARGETS_MAX];
    uint8_t target_temporal[DP_DD_TARGETS_MAX];
    uint16_t width[DP_DD_SPATIAL_MAX]; /* largest rendered width - 1 */
    uint16_t height[DP_DD_SPATIAL_MAX];
    struct dp_dd_template templates[DP_DD_TEMPLATES_MAX];
};

/* Of one stream; zero it before the first packet. */
struct dp_dd_state {
    bool valid;
    uint64_t structure_seq; /* where structure came from */
    uint64_t active_seq;    /* where active_targets came from */
    uint32_t active_targets;
    struct dp_dd_structure structure;
};

/* What one packet says. */
struct dp_dd {
    bool start_of_frame;
    bool end_of_frame;
    bool keyframe; /* first packet of a coded video sequence: it brings a structure */
    bool has_structure;
    bool structure_changed; /* the stream's state has a new, different one */
    bool has_active_targets;
    uint8_t template_id;
    uint16_t frame_number;

    uint8_t spatial_id;
    uint8_t temporal_id;
    uint8_t target_count;
    uint8_t chain_count;
    uint32_t active_targets; /* bit i: decode target i is being sent */
    uint64_t dtis;
    uint8_t fdiff_count;
    uint16_t fdiff[DP_DD_FDIFFS_MAX];
    uint8_t chain_fdiff[DP_DD_CHAINS_MAX];
    uint32_t width; /* largest rendered size of this spatial layer; 0: not said */
    uint32_t height;
};

/*
 * Reads a descriptor of len bytes from the packet with extended sequence number seq. State follows
 * the newest packet that brought news, so late packets do not set it back; on an error it does not
 * change. On DP_DD_NO_STRUCTURE and DP_DD_TEMPLATE the fields before the empty line in struct dp_dd
 * are valid.
 */
enum dp_dd_error dp_dd_read(struct dp_dd_state *st, uint64_t seq, const uint8_t *p, size_t len,
                            struct dp_dd *dd);

const char *dp_dd_error_text(enum dp_dd_error error);

static inline enum dp_dti dp_dd_dti(uint64_t dtis, unsigned target)
{
    return (enum dp_dti)(dtis >> (2 * target) & 3);
}

#endif
