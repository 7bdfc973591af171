/* The inside of explanations, for the files that make them up. */
#pragma once

#include "job/explain.h"

typedef struct Explainer {
        const ExplainInput *input;
        const Release *release;      /* NULL: upstream does not list it, or nothing is known */
        const RecordVersion *known;  /* NULL: the store does not have it */
        const RecordPruned *pruned;  /* NULL: it never was, or that is long ago */
        const VersionStatus *status; /* NULL: nothing goes on */
        PlanWant *wants;
        Plan *plan; /* NULL: nothing is known of upstream */
        Explanation *explanation;
        int error; /* the first that adding met */
} Explainer;

/* Adds a decision and returns it; its reason is what follows. NULL when out of memory, which is kept as the error. */
Decision *explain_add(Explainer *explainer, DecisionStep step, DecisionEffect effect, const char *format,
        ...) _printf_(4, 5);
/* The same, said by the entry of a wish. */
Decision *explain_add_want(Explainer *explainer, size_t i, DecisionStep step, DecisionEffect effect,
        const char *format, ...) _printf_(5, 6);

/* explain-wants.c: what the depots say. */
void explain_wants(Explainer *explainer);
/* Why none wants it, for the state: what the first depot says, or all together. */
char *explain_rejection(const Explainer *explainer);

/* explain-store.c: what the store has, and had. */
void explain_stored(Explainer *explainer);
