#include "ctl/problem.h"

void problem_print(const Style *style, sd_json_variant *problem) {
        _cleanup_free_ char *file = text_shown(style, field_string(problem, "file"));
        _cleanup_free_ char *message = text_shown(style, field_string(problem, "message"));
        uint64_t line = field_unsigned(problem, "line"), column = field_unsigned(problem, "column");

        (void) printf("%s%s", color_on(style, COLOR_BOLD), strempty(file));
        if (line > 0)
                (void) printf(":%llu:%llu", (unsigned long long) line, (unsigned long long) column);
        (void) printf(":%s %s\n", color_off(style, COLOR_BOLD), strempty(message));
}
