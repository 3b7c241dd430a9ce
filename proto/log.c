#include "proto/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    const char *journal; /* sd-daemon(3) */
} levels[] = {
    [HR_LOG_ERROR] = {"error", "<3>"},
    [HR_LOG_WARNING] = {"warning", "<4>"},
    [HR_LOG_INFO] = {"info", "<6>"},
    [HR_LOG_DEBUG] = {"debug", "<7>"},
};

/* Set once before threads start. */
static const char *log_name = "headrace";
static enum hr_log_level log_level = HR_LOG_INFO;
static int log_journal;

enum hr_log_level hr_log_level_of(const char *word)
{
    for (unsigned i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strcmp(word, levels[i].word) == 0)
            return (enum hr_log_level)i;
    return HR_LOG_INFO;
}

void hr_log_open(const char *name, enum hr_log_level level)
{
    log_name = name;
    log_level = level;
    log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void hr_log(enum hr_log_level level, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (level > log_level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    /* One call, so that lines of two threads do not mix. */
    if (log_journal)
        fprintf(stderr, "%s%s\n", levels[level].journal, line);
    else
        fprintf(stderr, "%s: %s: %s\n", log_name, levels[level].word, line);
}
