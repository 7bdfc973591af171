#include "base/names.h"

#define TAG_LENGTH_MAX 255
#define HOST_LENGTH_MAX 253
#define LABEL_LENGTH_MAX 63

static bool is_lower_alnum(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c) {
        return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool component_is_valid(const char *text, size_t length, const char *extra) {
        if (length == 0 || length > NAME_LENGTH_MAX || strchr(".-~", text[0]))
                return false;
        for (size_t i = 0; i < length; i++)
                if (!is_alnum(text[i]) && !strchr(extra, text[i]))
                        return false;
        return true;
}

bool name_is_valid(const char *name) {
        return component_is_valid(name, strnlen(name, NAME_LENGTH_MAX + 1), "-_.+~");
}

bool tag_is_valid(const char *tag) {
        if (strnlen(tag, TAG_LENGTH_MAX + 1) > TAG_LENGTH_MAX)
                return false;
        for (;;) {
                size_t length = strcspn(tag, "/");

                if (!component_is_valid(tag, length, "-_.+~"))
                        return false;
                if (tag[length] == '\0')
                        return true;
                tag += length + 1;
        }
}

static bool port_is_valid(const char *port) {
        unsigned value = 0;

        if (port[0] < '1' || port[0] > '9')
                return false;
        for (; *port; port++) {
                if (*port < '0' || *port > '9')
                        return false;
                value = value * 10 + (unsigned) (*port - '0');
                if (value > UINT16_MAX)
                        return false;
        }
        return true;
}

bool hostname_is_valid(const char *hostname) {
        size_t length = strcspn(hostname, ":"), label = 0;

        if (length == 0 || length > HOST_LENGTH_MAX)
                return false;
        for (size_t i = 0; i < length; i++) {
                if (hostname[i] == '.') {
                        if (label == 0 || hostname[i - 1] == '-')
                                return false;
                        label = 0;
                        continue;
                }
                if (!is_lower_alnum(hostname[i]) && (hostname[i] != '-' || label == 0))
                        return false;
                if (++label > LABEL_LENGTH_MAX)
                        return false;
        }
        if (label == 0 || hostname[length - 1] == '-')
                return false;
        return hostname[length] == '\0' || port_is_valid(hostname + length + 1);
}

bool key_namespace_is_valid(const char *text) {
        char hostname[HOST_LENGTH_MAX + sizeof(":65535")];
        size_t length = strcspn(text, "/");

        if (text[length] == '\0')
                return name_is_valid(text);
        if (length >= sizeof(hostname))
                return false;
        memcpy(hostname, text, length);
        hostname[length] = '\0';
        return hostname_is_valid(hostname) && name_is_valid(text + length + 1);
}

bool commit_is_valid(const char *commit) {
        size_t length = strlen(commit);

        return (length == 40 || length == 64) && strspn(commit, "0123456789abcdef") == length;
}
