/* What is wrong with one document: places and messages, collected so that an author sees all of them at once. */
#pragma once

#include "base/util.h"

/* The most that is kept for one document; one more item then says that there are others. */
#define PROBLEMS_MAX 50

/* The longest piece of a document that is repeated in a message, in bytes. */
#define PROBLEM_EXCERPT_MAX 64

typedef struct Problem {
        unsigned line, column; /* from 1; 0: about the file as a whole */
        char *message;
} Problem;

typedef struct Problems {
        Problem *items;
        size_t n_items;
        size_t n_found; /* those that are not kept included */
} Problems;

/* Returns 0 or -ENOMEM. */
int problems_add(Problems *problems, unsigned line, unsigned column, const char *format, ...) _printf_(4, 5);
/* By line and column; problems of one place stay in the order in which they were added. */
void problems_sort(Problems *problems);
void problems_clear(Problems *problems);

/* A printable copy of text from a document, shortened, for a message. NULL when out of memory. */
char *problem_excerpt(const char *text);
