#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/allocate.h"

/* A camera in three sizes, two of them at half the frames too. */
static const struct dp_layer camera[] = {
    {.stream = 0, .temporal = 0, .fps = 15, .width = 320, .height = 180, .bitrate = 90000},
    {.stream = 0, .temporal = 1, .fps = 30, .width = 320, .height = 180, .bitrate = 150000},
    {.stream = 1, .temporal = 0, .fps = 15, .width = 640, .height = 360, .bitrate = 300000},
    {.stream = 1, .temporal = 1, .fps = 30, .width = 640, .height = 360, .bitrate = 500000},
    {.stream = 2, .temporal = 0, .fps = 15, .width = 1280, .height = 720, .bitrate = 1100000},
    {.stream = 2, .temporal = 1, .fps = 30, .width = 1280, .height = 720, .bitrate = 1700000},
};

static const struct dp_layer screen[] = {
    {.stream = 0, .fps = 5, .width = 1920, .height = 1080, .bitrate = 400000},
};

static struct dp_allocate_want want(uint8_t priority, uint16_t height, int8_t now)
{
    return (struct dp_allocate_want){.priority = priority,
                                     .max_width = (uint16_t)(height * 16 / 9),
                                     .max_height = height,
                                     .layers = camera,
                                     .count = sizeof(camera) / sizeof(camera[0]),
                                     .now = now};
}

static int given(uint64_t budget, uint16_t height, int8_t now)
{
    struct dp_allocate_want w = want(0, height, now);
    dp_allocate(&w, 1, budget);
    return w.given;
}

static void test_one(void **state)
{
    static const struct {
        uint64_t budget;
        int given;
    } rows[] = {{0, -1},     {103000, -1}, {104000, 0},  {173000, 1},  {344000, 1},  {346000, 2},
                {576000, 3}, {1264000, 3}, {1266000, 4}, {1956000, 5}, {50000000, 5}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(given(rows[i].budget, 0, -1), rows[i].given);
    assert_int_equal(given(UINT64_MAX / 256, 0, -1), 5);
}

/* No larger than what is shown, and a bit of enlarging is fine. */
static void test_shown(void **state)
{
    assert_int_equal(given(9000000, 100, -1), 1);
    assert_int_equal(given(9000000, 190, -1), 1);
    assert_int_equal(given(9000000, 240, -1), 3);
    assert_int_equal(given(9000000, 720, -1), 5);
    assert_int_equal(given(9000000, 4000, -1), 5);
}

/* What is forwarded stays while it just fits; more needs room to spare. */
static void test_steady(void **state)
{
    assert_int_equal(given(500000, 0, 3), 3);
    assert_int_equal(given(500000, 0, 2), 2);
    assert_int_equal(given(574000, 0, 2), 2);
    assert_int_equal(given(576000, 0, 2), 3);
    assert_int_equal(given(499000, 0, 3), 2);
}

static void test_enough(void **state)
{
    struct dp_allocate_want w[2] = {want(0, 180, -1), want(0, 0, -1)};
    assert_int_equal(dp_allocate(w, 2, 0), 150000 + 1700000);
    assert_int_equal(dp_allocate(w, 0, 0), 0);
}

/* Everybody gets something before anybody gets more; the last ones pause. */
static void test_priority(void **state)
{
    struct dp_allocate_want w[3] = {want(0, 0, -1), want(3, 0, -1), want(1, 0, -1)};
    w[1].layers = screen;
    w[1].count = 1;
    dp_allocate(w, 3, 470000);
    assert_true(w[0].given == -1 && w[1].given == 0 && w[2].given == -1);
    dp_allocate(w, 3, 520000);
    assert_true(w[0].given == -1 && w[1].given == 0 && w[2].given == 0);
    dp_allocate(w, 3, 640000);
    assert_true(w[0].given == 0 && w[1].given == 0 && w[2].given == 0);
    dp_allocate(w, 3, 1200000);
    assert_true(w[0].given == 1 && w[1].given == 0 && w[2].given == 3);
}

/* Equals are raised together, one step each. */
static void test_fair(void **state)
{
    struct dp_allocate_want w[4] = {want(0, 0, -1), want(0, 0, -1), want(0, 0, -1), want(0, 0, -1)};
    dp_allocate(w, 4, 1500000);
    unsigned sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(w[i].given == 2 || w[i].given == 3 || w[i].given == 1);
        sum += (unsigned)camera[w[i].given].bitrate;
    }
    assert_in_range(sum, 1000000, 1500000);
}

/* Whatever is asked: within the budget, never beyond what is shown, the first before the last. */
static void test_any(void **state)
{
    srand(7);
    for (int round = 0; round < 20000; round++) {
        struct dp_allocate_want w[8];
        unsigned n = 1 + (unsigned)rand() % 8;
        uint64_t budget = (uint64_t)rand() % 6000000, sum = 0;
        for (unsigned i = 0; i < n; i++) {
            w[i] =
                want((uint8_t)(rand() % 3), (uint16_t)(rand() % 4 * 180), (int8_t)(rand() % 7 - 1));
            w[i].count = (uint8_t)(rand() % 7);
        }
        uint64_t enough = dp_allocate(w, n, budget);
        for (unsigned i = 0; i < n; i++) {
            assert_in_range(w[i].given + 1, 0, w[i].count);
            if (w[i].given >= 0)
                sum += camera[w[i].given].bitrate;
        }
        assert_true(sum <= budget && sum <= enough);
        for (unsigned i = 0; i < n; i++)
            for (unsigned k = 0; k < n; k++)
                if (w[i].priority > w[k].priority && w[i].given < 0 && w[k].given >= 0 &&
                    w[i].count)
                    assert_true(w[i].now < 0); /* only for the room to spare */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),      cmocka_unit_test(test_shown),
        cmocka_unit_test(test_steady),   cmocka_unit_test(test_enough),
        cmocka_unit_test(test_priority), cmocka_unit_test(test_fair),
        cmocka_unit_test(test_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
