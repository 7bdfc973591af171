#include "fetch/budget.h"

#include "base/clock.h"
#include "base/list.h"

/* GitHub: "at least one minute", longer each time it happens again. */
#define SECONDARY_MIN_USEC USEC_PER_MINUTE
#define SECONDARY_MAX_USEC (60 * USEC_PER_MINUTE)

struct Budgets {
        Budget **items;
        size_t n_items;
        unsigned reserve_percent;
};

int budgets_new(Budgets **ret) {
        Budgets *budgets = calloc(1, sizeof(Budgets));

        if (!budgets)
                return -ENOMEM;
        *ret = budgets;
        return 0;
}

Budgets *budgets_free(Budgets *budgets) {
        if (!budgets)
                return NULL;
        for (size_t i = 0; i < budgets->n_items; i++) {
                free(budgets->items[i]->name);
                free(budgets->items[i]);
        }
        free(budgets->items);
        free(budgets);
        return NULL;
}

void budgets_set_reserve(Budgets *budgets, unsigned percent) {
        budgets->reserve_percent = MIN_OF(percent, 100U);
}

Budget *budgets_get(Budgets *budgets, const char *name) {
        Budget *budget;

        for (size_t i = 0; i < budgets->n_items; i++)
                if (streq(budgets->items[i]->name, name))
                        return budgets->items[i];
        if (budgets->n_items >= BUDGETS_MAX)
                return NULL;
        budget = calloc(1, sizeof(Budget));
        if (!budget)
                return NULL;
        budget->budgets = budgets;
        budget->name = strdup(name);
        if (!budget->name || LIST_APPEND(budgets->items, budgets->n_items, budget) < 0) {
                free(budget->name);
                free(budget);
                return NULL;
        }
        return budget;
}

size_t budgets_length(const Budgets *budgets) {
        return budgets->n_items;
}

Budget *budgets_at(const Budgets *budgets, size_t i) {
        return budgets->items[i];
}

void budgets_shift(Budgets *budgets, int64_t by_usec) {
        for (size_t i = 0; i < budgets->n_items; i++) {
                clock_shift(&budgets->items[i]->reset_usec, by_usec);
                clock_shift(&budgets->items[i]->held_until_usec, by_usec);
        }
}

uint64_t budget_held_until(const Budget *budget, bool use_reserve, uint64_t now_usec) {
        uint64_t reserve = use_reserve ? 0 : budget->limit * budget->budgets->reserve_percent / 100;

        if (budget->held_until_usec > now_usec)
                return budget->held_until_usec;
        if (budget->limit > 0 && budget->reset_usec > now_usec && budget->remaining <= reserve)
                return budget->reset_usec;
        return 0;
}

uint64_t budget_low_until(const Budget *budget, uint64_t now_usec) {
        return budget->limit > 0 && budget->reset_usec > now_usec && budget->remaining <= budget->limit / 2
                       ? budget->reset_usec
                       : 0;
}

void budget_take(Budget *budget) {
        budget->n_running++;
        budget->used = true;
        if (budget->remaining > 0)
                budget->remaining--;
}

void budget_note(Budget *budget, const BudgetWord *word, uint64_t now_usec) {
        uint64_t others = budget->n_running > 0 ? budget->n_running - 1 : 0;

        if (word->known) {
                budget->limit = word->limit;
                budget->reset_usec = word->reset_usec;
                /* Those that are under way may not have been counted yet. */
                budget->remaining = word->remaining - MIN_OF(word->remaining, others);
        }
        if (!word->limited) {
                budget->n_secondary = 0;
                return;
        }
        if (word->known && word->remaining == 0) {
                budget->held_until_usec = word->reset_usec;
                return;
        }
        /* Its own word counts the first time; when it comes again, it was not enough. */
        budget->held_until_usec = word->not_before_usec;
        if (budget->n_secondary > 0) {
                uint64_t delay = SECONDARY_MIN_USEC << MIN_OF(budget->n_secondary, 6U);

                budget->held_until_usec =
                        MAX_OF(budget->held_until_usec, now_usec + MIN_OF(delay, SECONDARY_MAX_USEC));
        }
        budget->n_secondary++;
}

void budget_release(Budget *budget) {
        if (budget->n_running > 0)
                budget->n_running--;
}
