/* What /metrics says of the dataplane. */
#include "controlplane/metrics_dataplane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/histogram.h"

static char *text_of(Headrace__Histogram **histograms, size_t n)
{
    Headrace__Status status = HEADRACE__STATUS__INIT;
    status.histograms = histograms;
    status.n_histograms = n;
    GString *out = g_string_new(NULL);
    cp_metrics_dataplane(out, &status);
    return g_string_free(out, FALSE);
}

static void test_histogram_is_cumulative(void **state)
{
    uint64_t counts[] = {1, 0, 2, 0, 0, 0, 0, 0, 0, 4};
    Headrace__Histogram h = HEADRACE__HISTOGRAM__INIT, *all[] = {&h};
    h.name = "loss_egress";
    h.counts = counts;
    h.n_counts = G_N_ELEMENTS(counts);
    h.sum = 2530000;
    char *text = text_of(all, 1);
    char *at = strstr(text, "# HELP headrace_leg_loss_ratio ");
    assert_non_null(at);
    assert_non_null(strstr(at, "\n# TYPE headrace_leg_loss_ratio histogram\n"
                               "headrace_leg_loss_ratio_bucket{leg=\"egress\",le=\"0\"} 1\n"
                               "headrace_leg_loss_ratio_bucket{leg=\"egress\",le=\"0.01\"} 1\n"
                               "headrace_leg_loss_ratio_bucket{leg=\"egress\",le=\"0.02\"} 3\n"));
    assert_non_null(strstr(at, "headrace_leg_loss_ratio_bucket{leg=\"egress\",le=\"0.5\"} 3\n"
                               "headrace_leg_loss_ratio_bucket{leg=\"egress\",le=\"+Inf\"} 7\n"
                               "headrace_leg_loss_ratio_sum{leg=\"egress\"} 2.53\n"
                               "headrace_leg_loss_ratio_count{leg=\"egress\"} 7\n"));
    assert_null(strstr(text, "leg=\"ingress\"")); /* what did not come is not made up */
    free(text);
}

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void test_both_legs_under_one_description(void **state)
{
    uint64_t counts[HR_HISTOGRAM_BOUNDS_MAX + 1] = {0};
    Headrace__Histogram rows[HR_HISTOGRAMS], *all[HR_HISTOGRAMS];
    for (unsigned i = 0; i < HR_HISTOGRAMS; i++) {
        headrace__histogram__init(all[i] = &rows[i]);
        rows[i].name = (char *)hr_histograms[i].name;
        rows[i].counts = counts;
        rows[i].n_counts = hr_histograms[i].bounds_count + 1;
    }
    char *text = text_of(all, HR_HISTOGRAMS);
    assert_int_equal(times(text, "# TYPE headrace_leg_jitter_seconds "), 1);
    assert_int_equal(times(text, "headrace_leg_jitter_seconds_count{"), 2);
    assert_int_equal(times(text, "_count{leg="), HR_HISTOGRAMS);
    assert_int_equal(times(text, "le=\"+Inf\"} 0\n"), HR_HISTOGRAMS);
    free(text);
}

/* A dataplane of another build: other bounds are not ours to show. */
static void test_what_does_not_fit_is_left_out(void **state)
{
    uint64_t counts[3] = {0};
    Headrace__Histogram short_one = HEADRACE__HISTOGRAM__INIT, strange = HEADRACE__HISTOGRAM__INIT;
    Headrace__Histogram *all[] = {&short_one, &strange};
    short_one.name = "loss_egress";
    strange.name = "of_tomorrow";
    short_one.counts = strange.counts = counts;
    short_one.n_counts = strange.n_counts = 3;
    char *text = text_of(all, 2);
    assert_null(strstr(text, "headrace_leg_"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram_is_cumulative),
        cmocka_unit_test(test_both_legs_under_one_description),
        cmocka_unit_test(test_what_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
