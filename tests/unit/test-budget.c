#include "fetch/budget.h"

#include "base/text.h"
#include "test.h"

#define NOW (1000 * USEC_PER_SEC)
#define RESET (NOW + 600 * USEC_PER_SEC)

static void note(Budget *budget, uint64_t remaining, bool limited, uint64_t not_before_usec) {
        budget_take(budget);
        budget_note(budget,
                &(BudgetWord) { .known = remaining != UINT64_MAX,
                        .limit = 100,
                        .remaining = remaining,
                        .reset_usec = RESET,
                        .limited = limited,
                        .not_before_usec = not_before_usec },
                NOW);
        budget_release(budget);
}

static void test_reserve(Budgets *budgets) {
        Budget *budget = budgets_get(budgets, "one");

        budgets_set_reserve(budgets, 10);
        check_int(budget_held_until(budget, false, NOW), 0);
        note(budget, 11, false, 0);
        check_int(budget_held_until(budget, false, NOW), 0);
        /* What is under way counts before its answer is there. */
        budget_take(budget);
        check_int(budget->remaining, 10);
        check_int(budget_held_until(budget, false, NOW), RESET);
        check_int(budget_held_until(budget, true, NOW), 0);
        note(budget, 10, false, 0);
        check_int(budget->remaining, 9);
        budget_release(budget);
        note(budget, 0, false, 0);
        check_int(budget_held_until(budget, true, NOW), RESET);
        /* A new window is a new budget. */
        check_int(budget_held_until(budget, false, RESET), 0);
        budgets_set_reserve(budgets, 0);
        note(budget, 1, false, 0);
        check_int(budget_held_until(budget, false, NOW), 0);
}

/* Known to be half used, or more; a new window is not. */
static void test_low(Budgets *budgets) {
        Budget *budget = budgets_get(budgets, "low");

        check_int(budget_low_until(budget, NOW), 0);
        note(budget, 51, false, 0);
        check_int(budget_low_until(budget, NOW), 0);
        budget_take(budget);
        check_int(budget_low_until(budget, NOW), RESET);
        budget_release(budget);
        note(budget, 0, false, 0);
        check_int(budget_low_until(budget, NOW), RESET);
        check_int(budget_low_until(budget, RESET - 1), RESET);
        check_int(budget_low_until(budget, RESET), 0);
}

static void test_limits(Budgets *budgets) {
        Budget *budget = budgets_get(budgets, "two");
        uint64_t last = 0;

        note(budget, 0, true, RESET);
        check_int(budget->n_secondary, 0);
        check_int(budget_held_until(budget, true, NOW), RESET);

        budget = budgets_get(budgets, "three");
        note(budget, 50, true, NOW + 5 * USEC_PER_SEC);
        check_int(budget_held_until(budget, true, NOW), NOW + 5 * USEC_PER_SEC);
        for (unsigned i = 0; i < 10; i++) {
                note(budget, 50, true, NOW + 5 * USEC_PER_SEC);
                check(budget_held_until(budget, true, NOW) >= last);
                last = budget_held_until(budget, true, NOW);
                if (i == 0)
                        check_int(last, NOW + 120 * USEC_PER_SEC);
        }
        check_int(last, NOW + 3600 * USEC_PER_SEC);
        /* What the server says is kept when it is longer, and a good answer ends the row. */
        note(budget, 50, true, NOW + 7200 * USEC_PER_SEC);
        check_int(budget_held_until(budget, true, NOW), NOW + 7200 * USEC_PER_SEC);
        note(budget, UINT64_MAX, false, 0);
        check_int(budget->n_secondary, 0);
        check_int(budget->limit, 100);
}

static void test_number(Budgets *budgets) {
        size_t n = budgets_length(budgets);

        check(budgets_get(budgets, "one") == budgets_at(budgets, 0));
        for (size_t i = n; i < BUDGETS_MAX; i++) {
                _cleanup_free_ char *name = text_format("%zu", i);

                check(budgets_get(budgets, name));
        }
        check(!budgets_get(budgets, "too many") && budgets_length(budgets) == BUDGETS_MAX);
}

int main(void) {
        _cleanup_(budgets_freep) Budgets *budgets = NULL;

        check_int(budgets_new(&budgets), 0);
        test_reserve(budgets);
        test_low(budgets);
        test_limits(budgets);
        test_number(budgets);
        check(!budgets_free(NULL));
        return EXIT_SUCCESS;
}
