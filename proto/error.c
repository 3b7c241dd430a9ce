#include "proto/error.h"

#include <stddef.h>

static const char *const texts[] = {
#define X(name, number, text) [number] = text,
    HR_ERROR_MAP(X)
#undef X
};

const char *hr_error_text(unsigned error)
{
    return error < sizeof(texts) / sizeof(*texts) && texts[error] ? texts[error] : "unknown error";
}
