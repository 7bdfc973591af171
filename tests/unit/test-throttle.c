#include "fetch/throttle.h"
#include "test.h"

/* Takes pieces whenever they may pass; returns how many bytes have passed at the end. */
static uint64_t run(Throttle *throttle, size_t piece, uint64_t start_usec, uint64_t end_usec) {
        uint64_t passed = 0;

        for (uint64_t now = start_usec; now < end_usec;) {
                uint64_t wait = throttle_wait_usec(throttle, now);

                if (wait == 0) {
                        throttle_take(throttle, piece);
                        passed += piece;
                }
                now += wait;
        }
        return passed;
}

static void test_average(void) {
        static const uint64_t rates[] = { 64 * KIB, MIB, 100 * MIB, 8 * GIB };

        for (size_t i = 0; i < ELEMENTSOF(rates); i++) {
                Throttle throttle = {};
                size_t piece = (size_t) (rates[i] / 16);
                uint64_t passed;

                throttle_set_rate(&throttle, rates[i], USEC_PER_SEC);
                passed = run(&throttle, piece, USEC_PER_SEC, 11 * USEC_PER_SEC);
                check(passed > rates[i] * 99 / 10 && passed < rates[i] * 101 / 10);
        }
}

/* After a pause only a little passes at once. */
static void test_burst(void) {
        Throttle throttle = {};
        uint64_t passed = 0;

        throttle_set_rate(&throttle, MIB, 0);
        check_int(throttle_wait_usec(&throttle, 0) > 0, true);
        while (throttle_wait_usec(&throttle, 7200 * USEC_PER_SEC) == 0) {
                throttle_take(&throttle, KIB);
                passed += KIB;
        }
        check(passed > 90 * KIB && passed <= 104 * KIB);
        /* A clock that stands still or goes back gives nothing. */
        check(throttle_wait_usec(&throttle, USEC_PER_SEC) > 0);
}

static void test_rates(void) {
        Throttle throttle = {};

        check_int(throttle_wait_usec(&throttle, 5), 0);
        throttle_take(&throttle, SIZE_MAX / 2);
        check_int(throttle_wait_usec(&throttle, 6), 0);

        throttle_set_rate(&throttle, MIB, USEC_PER_SEC);
        throttle_take(&throttle, 10 * MIB);
        /* The same rate again forgives nothing, another one does. */
        throttle_set_rate(&throttle, MIB, USEC_PER_SEC);
        check(throttle_wait_usec(&throttle, USEC_PER_SEC) > 9 * USEC_PER_SEC);
        throttle_set_rate(&throttle, 2 * MIB, USEC_PER_SEC);
        check(throttle_wait_usec(&throttle, USEC_PER_SEC) < USEC_PER_SEC);
        throttle_set_rate(&throttle, 0, USEC_PER_SEC);
        check_int(throttle_wait_usec(&throttle, USEC_PER_SEC), 0);
}

int main(void) {
        test_average();
        test_burst();
        test_rates();
        return EXIT_SUCCESS;
}
