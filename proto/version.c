#include "proto/version.h"

const char *hr_build(void)
{
    return HR_VERSION;
}
