#include "ctl/table.h"

#include "base/list.h"

#define COLUMN_SEPARATOR 2
/* No column is made narrower than this. */
#define COLUMN_WIDTH_MIN 8
/* The last column, of reasons, is worth this much before the others have to give way too. */
#define LAST_COLUMN_WIDTH_MIN 24

typedef struct Cell {
        char *text; /* NULL: empty */
        size_t width;
        Color color;
} Cell;

struct Table {
        Style style;
        TableColumn *columns;
        size_t n_columns;
        Cell *cells; /* row after row */
        size_t n_cells;
        int error;
};

int table_new(const Style *style, const TableColumn *columns, size_t n_columns, Table **ret) {
        _cleanup_(table_freep) Table *table = calloc(1, sizeof(Table));

        if (!table)
                return -ENOMEM;
        table->style = *style;
        table->columns = reallocarray(NULL, n_columns, sizeof(TableColumn));
        if (!table->columns)
                return -ENOMEM;
        memcpy(table->columns, columns, n_columns * sizeof(TableColumn));
        table->n_columns = n_columns;
        *ret = TAKE_PTR(table);
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        free(table->cells);
        free(table->columns);
        free(table);
        return NULL;
}

void table_add(Table *table, const char *text, Color color) {
        Cell cell = { .width = 1, .color = isempty(text) ? COLOR_DIM : color };
        int r;

        if (table->error < 0)
                return;
        if (!isempty(text)) {
                cell.text = text_shown(&table->style, text);
                if (!cell.text) {
                        table->error = -ENOMEM;
                        return;
                }
                cell.width = text_width(cell.text);
        }
        r = LIST_APPEND(table->cells, table->n_cells, cell);
        if (r < 0) {
                free(cell.text);
                table->error = r;
        }
}

size_t table_n_rows(const Table *table) {
        return table->n_cells / table->n_columns;
}

/* Natural widths; 0: the column is not shown. */
static void measure(const Table *table, size_t *widths) {
        for (size_t c = 0; c < table->n_columns; c++) {
                bool empty = true;

                widths[c] = table->style.legend ? text_width(table->columns[c].title) : 1;
                for (size_t i = c; i < table->n_cells; i += table->n_columns) {
                        widths[c] = MAX_OF(widths[c], table->cells[i].width);
                        empty = empty && !table->cells[i].text;
                }
                if (empty && table->style.terminal && (table->columns[c].flags & TABLE_HIDE_EMPTY))
                        widths[c] = 0;
        }
}

static size_t last_shown(const Table *table, const size_t *widths) {
        size_t last = 0;

        for (size_t c = 0; c < table->n_columns; c++)
                if (widths[c] > 0)
                        last = c;
        return last;
}

static size_t total_width(const Table *table, const size_t *widths) {
        size_t total = 0;

        for (size_t c = 0; c < table->n_columns; c++)
                if (widths[c] > 0)
                        total += widths[c] + (total > 0 ? COLUMN_SEPARATOR : 0);
        return total;
}

/* The widest column that can still give way, or -1. */
static ssize_t widest_to_cut(const Table *table, const size_t *widths) {
        ssize_t widest = -1;

        for (size_t c = 0; c < table->n_columns; c++)
                if ((table->columns[c].flags & TABLE_CUT) && widths[c] > COLUMN_WIDTH_MIN &&
                        (widest < 0 || widths[c] > widths[widest]))
                        widest = (ssize_t) c;
        return widest;
}

/* Makes the lines fit; a terminal too narrow even for that wraps them. */
static void fit(const Table *table, size_t *widths) {
        size_t last = last_shown(table, widths), limit = table->style.width;
        size_t natural = widths[last], total = total_width(table, widths);
        ssize_t widest;

        if (limit == 0 || total <= limit)
                return;
        if ((table->columns[last].flags & TABLE_CUT) && widths[last] > LAST_COLUMN_WIDTH_MIN)
                widths[last] -= MIN_OF(total - limit, widths[last] - LAST_COLUMN_WIDTH_MIN);
        for (size_t c = table->n_columns; c-- > 0 && total_width(table, widths) > limit;)
                if (table->columns[c].flags & TABLE_OPTIONAL)
                        widths[c] = 0;
        while (total_width(table, widths) > limit && (widest = widest_to_cut(table, widths)) >= 0)
                widths[widest]--;

        /* What the optional columns gave up may be more than was needed. */
        total = total_width(table, widths);
        if (total < limit && widths[last] > 0)
                widths[last] = MIN_OF(natural, widths[last] + limit - total);
}

typedef struct Line {
        const Table *table;
        const size_t *widths;
        size_t last;
        FILE *file;
        bool started;
} Line;

static int print_cell(Line *line, size_t column, const char *text, size_t text_columns, Color color) {
        const Table *table = line->table;
        bool right = table->columns[column].flags & TABLE_RIGHT;
        size_t width = line->widths[column];
        _cleanup_free_ char *cut = NULL;
        int padding;

        if (width == 0)
                return 0;
        if (text_columns > width) {
                cut = text_ellipsize(text, width, table->style.unicode);
                if (!cut)
                        return -ENOMEM;
                text = cut;
                text_columns = text_width(cut);
        }
        padding = (int) (width - text_columns);
        (void) fprintf(line->file, "%*s%*s%s%s%s", line->started ? COLUMN_SEPARATOR : 0, "",
                right ? padding : 0, "", color_on(&table->style, color), text,
                color_off(&table->style, color));
        /* Nothing after the last text of a line. */
        if (!right && column != line->last)
                (void) fprintf(line->file, "%*s", padding, "");
        line->started = true;
        return 0;
}

int table_print(const Table *table, FILE *file) {
        _cleanup_free_ size_t *widths = NULL;
        int r;

        if (table->error < 0)
                return table->error;
        widths = reallocarray(NULL, table->n_columns, sizeof(size_t));
        if (!widths)
                return -ENOMEM;
        measure(table, widths);
        fit(table, widths);

        Line line = { .table = table, .widths = widths, .last = last_shown(table, widths), .file = file };
        if (table->style.legend) {
                for (size_t c = 0; c < table->n_columns; c++) {
                        const char *title = table->columns[c].title;

                        r = print_cell(&line, c, title, text_width(title), COLOR_BOLD);
                        if (r < 0)
                                return r;
                }
                (void) fputc('\n', file);
        }
        for (size_t i = 0; i < table->n_cells; i++) {
                const Cell *cell = table->cells + i;
                size_t c = i % table->n_columns;

                if (c == 0)
                        line.started = false;
                r = print_cell(&line, c, cell->text ? cell->text : "-", cell->width, cell->color);
                if (r < 0)
                        return r;
                if (c + 1 == table->n_columns)
                        (void) fputc('\n', file);
        }
        return 0;
}
