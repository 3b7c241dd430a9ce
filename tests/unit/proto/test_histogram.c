#include "proto/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_rows_are_whole(void **state)
{
    for (unsigned i = 0; i < HR_HISTOGRAMS; i++) {
        const struct hr_histogram *h = &hr_histograms[i];
        assert_true(h->name && h->metric && h->leg && h->help);
        assert_true(h->scale > 0);
        assert_in_range(h->bounds_count, 1, HR_HISTOGRAM_BOUNDS_MAX);
        for (unsigned k = 1; k < h->bounds_count; k++)
            assert_true(h->bounds[k - 1] < h->bounds[k]);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(h->name, hr_histograms[k].name);
    }
}

/* Prometheus wants all lines of a metric together, described once. */
static void test_rows_of_a_metric_are_together(void **state)
{
    for (unsigned i = 2; i < HR_HISTOGRAMS; i++)
        for (unsigned k = 0; k + 1 < i; k++)
            if (strcmp(hr_histograms[i].metric, hr_histograms[k].metric) == 0)
                assert_string_equal(hr_histograms[i].metric, hr_histograms[i - 1].metric);
}

static void test_buckets(void **state)
{
    const struct hr_histogram h = {.bounds = {0, 10, 20}, .bounds_count = 3};
    assert_int_equal(hr_histogram_bucket(&h, 0), 0);
    assert_int_equal(hr_histogram_bucket(&h, 1), 1);
    assert_int_equal(hr_histogram_bucket(&h, 10), 1); /* le: less or equal */
    assert_int_equal(hr_histogram_bucket(&h, 11), 2);
    assert_int_equal(hr_histogram_bucket(&h, 20), 2);
    assert_int_equal(hr_histogram_bucket(&h, 21), 3);
    assert_int_equal(hr_histogram_bucket(&h, UINT64_MAX), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_rows_of_a_metric_are_together),
        cmocka_unit_test(test_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
