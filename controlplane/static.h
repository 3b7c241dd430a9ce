/*
 * The page's files from http.web_root: read whole (they are small), revalidated by ETag on each
 * load, with the security headers that a page with camera and microphone should have.
 */
#ifndef CP_STATIC_H
#define CP_STATIC_H

#include "controlplane/exchange.h"

#define CP_STATIC_MAX (8u << 20) /* bytes of a file; larger is answered with 404 and logged */

/* Answers with root/path; 404 for what is not there, is no plain file, or leads out of root. */
void cp_static_answer(struct cp_exchange *x, const char *root, const char *path, int status);
/* Headers of everything that a browser shows. */
void cp_static_security(struct cp_exchange *x);
/* A path that stays below its root: no empty segment, none that starts with a dot. */
bool cp_static_path_ok(const char *path);
/* By the name's end; "application/octet-stream" otherwise. */
const char *cp_static_type(const char *path);

#endif
