/* Request budgets: how many requests a server still answers to one credential, as it says itself (protocols: "GitHub REST",
 * limits), and until when it is not to be asked. All times are realtime. */
#pragma once

#include "base/util.h"

#define BUDGETS_MAX 1024U

typedef struct Budgets Budgets;

typedef struct Budget {
        const Budgets *budgets;
        char *name;                /* "api.github.com, token github"; no secret */
        uint64_t limit, remaining; /* of this window; limit 0: not known */
        uint64_t reset_usec;       /* when the next window begins */
        uint64_t held_until_usec;  /* the server has said to wait */
        unsigned n_secondary;      /* secondary limits in a row */
        unsigned n_running;        /* requests that are not answered yet */
        bool used;                 /* since it was made, or before the restart */
} Budget;

/* What an answer says of the budget. */
typedef struct BudgetWord {
        bool known; /* limit, remaining and reset were there */
        uint64_t limit, remaining, reset_usec;
        bool limited;             /* the answer is a refusal because of a limit */
        uint64_t not_before_usec; /* of `limited` */
} BudgetWord;

int budgets_new(Budgets **ret);
Budgets *budgets_free(Budgets *budgets);
DEFINE_CLEANUP(Budgets *, budgets_free)

/* Percent of each limit that is left to requests with `use_reserve`. */
void budgets_set_reserve(Budgets *budgets, unsigned percent);

/* The one with this name, made if it is not there. NULL when out of memory or when there are too many. Lives as long as
 * `budgets`. */
Budget *budgets_get(Budgets *budgets, const char *name);
size_t budgets_length(const Budgets *budgets);
Budget *budgets_at(const Budgets *budgets, size_t i);
/* The clock was set by so much: what was so long to wait is as long to wait. */
void budgets_shift(Budgets *budgets, int64_t by_usec);

/* Until when nothing may be asked; 0: it may be now. */
uint64_t budget_held_until(const Budget *budget, bool use_reserve, uint64_t now_usec);
/* Until when half of it or less is left; 0: there is more, or it is not known. */
uint64_t budget_low_until(const Budget *budget, uint64_t now_usec);
/* A request is sent; it ends with budget_release(), before which its answer, if there is one, is noted. */
void budget_take(Budget *budget);
void budget_note(Budget *budget, const BudgetWord *word, uint64_t now_usec);
void budget_release(Budget *budget);
