#include "dataplane/drop.h"

const char *const dp_drop_names[DP_DROPS] = {
#define X(name, word, help) [DP_DROP_##name] = word,
    DP_DROP_MAP(X)
#undef X
};

const char *const dp_drop_help[DP_DROPS] = {
#define X(name, word, help) [DP_DROP_##name] = help,
    DP_DROP_MAP(X)
#undef X
};
