/* Lists of CPUs as people write them: "1", "2-5,8". */
#ifndef DP_CORES_H
#define DP_CORES_H

/* Fills cores with the numbers in order; their count, or -EINVAL (not a list, or a CPU twice),
 * -E2BIG. */
int dp_cores_parse(const char *text, unsigned *cores, unsigned max);

#endif
