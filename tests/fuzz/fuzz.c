/*
 * Replays a corpus through a fuzz target: every file and folder named on the command line.
 * With -Dfuzzer=true libFuzzer takes the place of this file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    static uint8_t buf[1 << 20];
    size_t n = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    /* An exact-size heap copy lets the sanitizer see a read of one byte too many. */
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        return 1;
    memcpy(copy, buf, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    return 0;
}

static int replay_dir(const char *dir, unsigned *files)
{
    DIR *d = opendir(dir);
    int failed = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        failed |= replay(path);
        (*files)++;
    }
    if (d)
        closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            failed |= replay_dir(argv[i], &files);
        } else {
            failed |= replay(argv[i]);
            files++;
        }
    }
    printf("%u inputs replayed\n", files);
    return failed || files == 0;
}
