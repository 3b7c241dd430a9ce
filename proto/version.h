/* The build's version, as --version, Hello and /healthz say it. */
#ifndef HR_VERSION_H
#define HR_VERSION_H

const char *hr_build(void);

#endif
