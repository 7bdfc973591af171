#include "worker/archive-path.h"

#include "base/text.h"

const char *archive_path_check(const char *path) {
        _cleanup_free_ char *printable = NULL;
        const char *component = path;

        if (isempty(path))
                return "empty name";
        if (path[0] == '/')
                return "absolute path";
        if (strlen(path) > ARCHIVE_PATH_LENGTH_MAX)
                return "name too long";
        if (strchr(path, '\\'))
                return "backslash in the name";

        for (;;) {
                size_t length = strcspn(component, "/");

                if (length == 0)
                        return "empty path component";
                if (length > ARCHIVE_COMPONENT_LENGTH_MAX)
                        return "path component too long";
                if (length == 1 && component[0] == '.')
                        return "\".\" in the path";
                if (length == 2 && component[0] == '.' && component[1] == '.')
                        return "\"..\" in the path";
                if (component[length] == '\0')
                        break;
                component += length + 1;
        }

        printable = text_printable(path);
        if (!printable || !streq(printable, path))
                return "control character or invalid UTF-8 in the name";
        return NULL;
}
