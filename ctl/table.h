/* Tables: columns as wide as their content, cut to the width of the terminal. */
#pragma once

#include "base/util.h"
#include "ctl/format.h"

typedef enum TableFlags {
        TABLE_RIGHT = 1 << 0,      /* aligned to the right: numbers */
        TABLE_HIDE_EMPTY = 1 << 1, /* not shown on a terminal while all its cells are empty */
        TABLE_OPTIONAL = 1 << 2,   /* not shown on a terminal that is too narrow for it */
        TABLE_CUT = 1 << 3,        /* may be cut on a terminal that is too narrow for it */
} TableFlags;

typedef struct TableColumn {
        const char *title; /* static */
        unsigned flags;
} TableColumn;

typedef struct Table Table;

/* The columns are copied, their titles are not. Returns 0 or -ENOMEM. */
int table_new(const Style *style, const TableColumn *columns, size_t n_columns, Table **ret);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free)

/* Adds the next cell of the current row. The text comes from anywhere: what cannot be shown is replaced. NULL and "":
 * an empty cell, shown as "-". Errors are kept until table_print(). */
void table_add(Table *table, const char *text, Color color);

size_t table_n_rows(const Table *table);

/* Writes the heading (with style->legend) and all rows. On a terminal lines are made to fit its width: first the last
 * column is cut, then optional columns go from the right, then the widest columns that may be are cut.
 * Returns 0, or the first error of table_add() (-ENOMEM). */
int table_print(const Table *table, FILE *file);
