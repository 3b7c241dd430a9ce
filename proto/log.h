/*
 * Lines for an operator: one event, what happened, what can be done. To stderr as "LEVEL name:
 * text", with the sd-daemon prefix when journald reads. Not from a stage. Thread-safe.
 */
#ifndef HR_LOG_H
#define HR_LOG_H

enum hr_log_level { HR_LOG_ERROR, HR_LOG_WARNING, HR_LOG_INFO, HR_LOG_DEBUG };

/* log_level as configured: "error" to "debug"; any other word: info. */
enum hr_log_level hr_log_level_of(const char *word);
void hr_log_open(const char *name, enum hr_log_level level);
__attribute__((format(printf, 2, 3))) void hr_log(enum hr_log_level level, const char *format, ...);

#define hr_error(...)   hr_log(HR_LOG_ERROR, __VA_ARGS__)
#define hr_warning(...) hr_log(HR_LOG_WARNING, __VA_ARGS__)
#define hr_info(...)    hr_log(HR_LOG_INFO, __VA_ARGS__)
#define hr_debug(...)   hr_log(HR_LOG_DEBUG, __VA_ARGS__)

#endif
