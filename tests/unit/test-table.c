#include "ctl/table.h"

#include <locale.h>

#include "test.h"

/* What table_print() writes; freed by the caller. */
static char *printed(const Table *table) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        check(file);
        check_int(table_print(table, file), 0);
        check(fclose(file) == 0);
        return text;
}

static Table *make(
        const Style *style, const TableColumn *columns, size_t n_columns, const char *const *cells) {
        Table *table;

        check_int(table_new(style, columns, n_columns, &table), 0);
        for (; *cells; cells++)
                table_add(table, streq(*cells, "-") ? NULL : *cells, COLOR_NONE);
        return table;
}

#define CELLS(...) ((const char *const[]) { __VA_ARGS__, NULL })

#define check_table(style, columns, cells, expected)                                                        \
        do {                                                                                                \
                Table *_table = make((style), (columns), ELEMENTSOF(columns), (cells));                     \
                _cleanup_free_ char *_text = printed(_table);                                               \
                check_string(_text, (expected));                                                            \
                table_free(_table);                                                                         \
        } while (false)

static void test_alignment(void) {
        static const TableColumn columns[] = { { "NAME", 0 }, { "COUNT", TABLE_RIGHT }, { "REASON", 0 } };
        Style style = { .unicode = true, .legend = true };

        check_table(&style, columns, CELLS("a", "1", "because", "longer", "1234567", "-"),
                "NAME      COUNT  REASON\n"
                "a             1  because\n"
                "longer  1234567  -\n");
        /* Two columns for each of these characters. */
        check_table(&style, columns, CELLS("日本", "1", "x", "abcd", "2", "y"),
                "NAME  COUNT  REASON\n"
                "日本      1  x\n"
                "abcd      2  y\n");
        style.legend = false;
        check_table(&style, columns, CELLS("a", "1", "because"), "a  1  because\n");
}

static void test_nothing(void) {
        static const TableColumn columns[] = { { "NAME", 0 }, { "REASON", TABLE_HIDE_EMPTY } };
        Style style = { .unicode = true, .legend = true };
        Table *table;

        check_int(table_new(&style, columns, ELEMENTSOF(columns), &table), 0);
        check_int(table_n_rows(table), 0);
        _cleanup_free_ char *text = printed(table);
        check_string(text, "NAME  REASON\n");
        table_free(table);
        check(!table_free(NULL));
}

static void test_hide_empty(void) {
        static const TableColumn columns[] = { { "A", 0 }, { "B", TABLE_HIDE_EMPTY },
                { "C", TABLE_HIDE_EMPTY } };
        Style style = { .terminal = true, .unicode = true, .legend = true, .width = 80 };

        check_table(&style, columns, CELLS("1", "-", "x", "2", "-", "-"), "A  C\n1  x\n2  -\n");
        check_table(&style, columns, CELLS("1", "-", "-"), "A\n1\n");
        /* Programs count columns. */
        style.terminal = false;
        check_table(&style, columns, CELLS("1", "-", "x"), "A  B  C\n1  -  x\n");
}

static void test_cut(void) {
        static const TableColumn columns[] = {
                { "PACKAGE", TABLE_CUT },
                { "STATE", 0 },
                { "STORE", TABLE_OPTIONAL },
                { "REASON", TABLE_CUT },
        };
        const char *const *cells = CELLS(
                "namespace/package", "published", "fileSystem:", "the reason why this went wrong is long");
        Style style = { .terminal = true, .unicode = true, .legend = false, .width = 200 };

        check_table(&style, columns, cells,
                "namespace/package  published  fileSystem:  the reason why this went wrong is long\n");
        /* First the last column, down to what can still be read, … */
        style.width = 72;
        check_table(&style, columns, cells,
                "namespace/package  published  fileSystem:  the reason why this went wro…\n");
        /* … then the optional ones go, … */
        style.width = 60;
        check_table(
                &style, columns, cells, "namespace/package  published  the reason why this went wron…\n");
        /* … then whatever may be cut, the widest first, … */
        style.width = 40;
        check_table(&style, columns, cells, "namespace/pa…  published  the reason wh…\n");
        /* … and what may not be stays whole. */
        style.width = 10;
        check_table(&style, columns, cells, "namespa…  published  the rea…\n");
        style.unicode = false;
        check_table(&style, columns, cells, "names...  published  the r...\n");
        /* A pipe has no width. */
        style = (Style) { .unicode = true };
        check_table(&style, columns, cells,
                "namespace/package  published  fileSystem:  the reason why this went wrong is long\n");
}

static void test_hostile(void) {
        static const TableColumn columns[] = { { "A", 0 }, { "B", 0 } };
        Style style = { .terminal = true, .unicode = true, .legend = false, .width = 80 };

        check_table(&style, columns, CELLS("\033[2Jx", "two\nlines"), "?[2Jx  two?lines\n");
        check_table(&style, columns, CELLS("\xc2\x9bx", "\xe2\x80\xaey"), "??x  ?y\n");
}

static void test_colors(void) {
        static const TableColumn columns[] = { { "A", 0 }, { "B", TABLE_RIGHT } };
        Style style = { .terminal = true, .unicode = true, .color = true, .width = 80 };
        Table *table;

        check_int(table_new(&style, columns, ELEMENTSOF(columns), &table), 0);
        table_add(table, "red", COLOR_RED);
        table_add(table, "1", COLOR_NONE);
        table_add(table, "green", COLOR_GREEN);
        table_add(table, NULL, COLOR_GREEN);
        check_int(table_n_rows(table), 2);
        _cleanup_free_ char *text = printed(table);
        /* Padding is outside the colour, and counts no control sequence. */
        check_string(text, "\033[1;31mred\033[0m    1\n\033[32mgreen\033[0m  \033[2m-\033[0m\n");
        table_free(table);
}

int main(void) {
        Style style;

        style_init(&style, COLOR_NEVER, true); /* sets the locale */
        test_alignment();
        test_nothing();
        test_hide_empty();
        test_cut();
        test_hostile();
        test_colors();
        return EXIT_SUCCESS;
}
