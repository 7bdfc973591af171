#include "config/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/list.h"
#include "base/text.h"

int problems_add(Problems *problems, unsigned line, unsigned column, const char *format, ...) {
        Problem problem = { .line = line, .column = column };
        va_list arguments;
        int r;

        problems->n_found++;
        if (problems->n_items > PROBLEMS_MAX)
                return 0;
        if (problems->n_items == PROBLEMS_MAX)
                problem.message = strdup("there are more problems, which are not shown");
        else {
                va_start(arguments, format);
                r = vasprintf(&problem.message, format, arguments);
                va_end(arguments);
                if (r < 0)
                        problem.message = NULL;
        }
        if (!problem.message)
                return -ENOMEM;

        r = LIST_APPEND(problems->items, problems->n_items, problem);
        if (r < 0)
                free(problem.message);
        return r;
}

static bool is_behind(const Problem *a, const Problem *b) {
        return a->line != b->line ? a->line > b->line : a->column > b->column;
}

void problems_sort(Problems *problems) {
        /* The last of too many stays the last. */
        size_t n = MIN_OF(problems->n_items, (size_t) PROBLEMS_MAX);

        for (size_t i = 1; i < n; i++) {
                Problem problem = problems->items[i];
                size_t j = i;

                for (; j > 0 && is_behind(&problems->items[j - 1], &problem); j--)
                        problems->items[j] = problems->items[j - 1];
                problems->items[j] = problem;
        }
}

void problems_clear(Problems *problems) {
        for (size_t i = 0; i < problems->n_items; i++)
                free(problems->items[i].message);
        free(problems->items);
        *problems = (Problems) {};
}

char *problem_excerpt(const char *text) {
        size_t length = strnlen(text, PROBLEM_EXCERPT_MAX + 1);
        char excerpt[PROBLEM_EXCERPT_MAX + sizeof("...")] = "";

        if (length <= PROBLEM_EXCERPT_MAX)
                return text_printable(text);

        /* Not in the middle of a UTF-8 sequence. */
        for (length--; length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80; length--)
                ;
        memcpy(excerpt, text, length);
        memcpy(excerpt + length, "...", sizeof("..."));
        return text_printable(excerpt);
}
