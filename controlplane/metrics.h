/* GET /healthz (JSON) and GET /metrics (Prometheus text 0.0.4). */
#ifndef CP_METRICS_H
#define CP_METRICS_H

#include "controlplane/exchange.h"

cp_handler cp_healthz, cp_metrics;

#endif
