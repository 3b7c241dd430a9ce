/* headrace bench matrix: the relay under all that changes its cost, as flat rows of several parts.
 */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

/* Words behind "matrix"; returns the exit code. */
int matrix_main(int argc, char **argv);

#endif
