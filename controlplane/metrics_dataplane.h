/* The dataplane's part of /metrics, and what both parts write with. Names less "headrace_". */
#ifndef CP_METRICS_DATAPLANE_H
#define CP_METRICS_DATAPLANE_H

#include <glib.h>

#include "proto/headrace.pb-c.h"

void cp_metrics_dataplane(GString *out, const Headrace__Status *status);

/* The HELP and TYPE lines; and with them a metric of one number. */
void cp_metrics_describe(GString *out, const char *name, const char *type, const char *help);
void cp_metrics_single(GString *out, const char *name, const char *type, const char *help,
                       uint64_t value);

#endif
