/*
 * headrace bench: the benches drive the dataplane's and the control plane's own code, so they are
 * programs of their own, and this finds the one that is asked for and becomes it.
 */
#include "controlplane/cli/command.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

/* The first word that is not an option chooses; none: the first row. */
static const struct program {
    const char *word, *name;
    bool passed; /* the word too */
} programs[] = {
    {"", "headrace-bench", false},
    {"matrix", "headrace-bench", true},
    {"joins", "headrace-bench-joins", false},
};

static const struct program *choose(const char *word)
{
    if (!word || word[0] == '-')
        word = "";
    for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
        if (!strcmp(word, programs[i].word))
            return &programs[i];
    return NULL;
}

/* Beside this command, in its build tree, or where it is installed. False: nowhere. */
static bool locate(const char *name, char path[PATH_MAX])
{
    static const char *const places[] = {"%s/%s", "%s/../../tests/bench/%s",
                                         "%s/../libexec/headrace/%s"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len > 0) {
        self[len] = 0;
        const char *dir = dirname(self);
        for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++)
            if (snprintf(path, PATH_MAX, places[i], dir, name) < PATH_MAX && !access(path, X_OK))
                return true;
    }
    snprintf(path, PATH_MAX, CLI_LIBEXEC "/%s", name);
    return !access(path, X_OK);
}

int cli_bench_run(int argc, char **argv, bool json)
{
    const struct program *p = choose(argc ? argv[0] : NULL);
    char *words[WORDS_MAX], path[PATH_MAX];
    int n = 0;

    if (!p) {
        fprintf(stderr, "headrace: no bench '%s'; there are matrix and joins\n", argv[0]);
        return CLI_USAGE;
    }
    if (argc + 3 > WORDS_MAX) {
        fprintf(stderr, "headrace: bench: more than %d words\n", WORDS_MAX - 3);
        return CLI_USAGE;
    }
    if (!locate(p->name, path)) {
        fprintf(stderr,
                "headrace: bench: %s is neither beside this command nor in " CLI_LIBEXEC
                "; install it, or build it: ninja -C build\n",
                p->name);
        return CLI_FAILED;
    }
    words[n++] = path;
    for (int i = *p->word && !p->passed ? 1 : 0; i < argc; i++)
        words[n++] = argv[i];
    if (json)
        words[n++] = "--json";
    words[n] = NULL;
    execv(path, words);
    fprintf(stderr, "headrace: bench: %s: %s\n", path, strerror(errno));
    return CLI_FAILED;
}
